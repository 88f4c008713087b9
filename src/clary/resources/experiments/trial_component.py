"""Trial components: one step, its parameters, artifacts and metrics, in any number of trials."""

from clary.resources.registry import register
from clary.resources.spec import Resource

TRIAL_COMPONENT = register(
    Resource(
        kind="TrialComponent",
        arn="experiment-trial-component/{TrialComponentName!l}",
        caseless=True,  # evidence/experiments.md
        shown={"TrialComponentSource": "Source"},
        # Search shows Parents, the trials that it is in; SourceKey is the source's ARN in lower case.
        hidden=frozenset({"Tags", "Parents", "SourceKey"}),
        conflict="ValidationException",
        within={"TrialName": "Trial", "ExperimentName": "Experiment"},
        filters={
            "TrialName": "Parents.TrialName has",
            "ExperimentName": "Parents.ExperimentName has",
            "SourceArn": "SourceKey",
        },
        removals={
            "ParametersToRemove": "Parameters",
            "InputArtifactsToRemove": "InputArtifacts",
            "OutputArtifactsToRemove": "OutputArtifacts",
        },
        level="behaves",
    )
)
