"""Trials: the steps of one attempt within an experiment."""

from clary.resources.registry import register
from clary.resources.spec import Resource

TRIAL = register(
    Resource(
        kind="Trial",
        arn="experiment-trial/{TrialName!l}",
        caseless=True,  # evidence/experiments.md
        shown={"TrialSource": "Source"},
        conflict="ValidationException",
        within={"ExperimentName": "Experiment"},
        filters={"TrialComponentName": "TrialName in"},  # operations/experiments/trial.py names the trials
        holds={"TrialComponent": {"Parents.TrialName has": "TrialName"}},
        held="ValidationException",
        level="behaves",
    )
)
