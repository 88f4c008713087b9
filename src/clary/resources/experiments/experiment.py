"""Experiments: what trials of one question belong to."""

from clary.resources.registry import register
from clary.resources.spec import Resource

EXPERIMENT = register(
    Resource(
        kind="Experiment",
        arn="experiment/{ExperimentName!l}",
        caseless=True,  # evidence/experiments.md
        shown={"ExperimentSource": "Source"},
        conflict="ValidationException",
        conflict_text="{noun} with name {name} already exists ({arn}).",
        holds={"Trial": {"ExperimentName": "ExperimentName"}},
        held="ValidationException",
        level="behaves",
    )
)
