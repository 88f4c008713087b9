"""The entities of a lineage: what they are called, and what they are said to be."""

from __future__ import annotations

import hashlib

from clary.core.arn import Arn
from clary.core.document import Document

GROUP = "sagemaker-default-lineage-group"
"""The lineage group that every account has."""

TYPES = {"Artifact": "ArtifactType", "Action": "ActionType", "Context": "ContextType"}
ENTITIES = frozenset({*TYPES, "TrialComponent"})
"""What QueryLineage calls entities."""

PREFIX = "SageMaker"
"""What QueryLineage leaves out of the type of a component that stands for a job."""

LONGEST_TYPE = 40  # of a vertex
EXPERIMENT_ENTITIES = frozenset({"Experiment", "Trial", "TrialComponent"})


def type_of(kind: str, doc: Document) -> str:
    """Return what an entity is said to be: its own type, or that of the job a trial component stands for."""
    if kind in TYPES:
        return str(doc.get(TYPES[kind], ""))
    return str(doc.get("Source", {}).get("SourceType", ""))


def shown_type(kind: str) -> str:
    """Return a type as QueryLineage spells it: TrainingJob for a component of a SageMakerTrainingJob."""
    return kind.removeprefix(PREFIX)[:LONGEST_TYPE]


def name_of(kind: str, doc: Document) -> str:
    """Return an entity's name, "" for an artifact that was given none."""
    return str(doc.get(f"{kind}Name", ""))


def artifact_id(account: str, region: str, uri: str) -> str:
    """Return the id that the artifact of a source has: the same one each time. evidence/lineage.md"""
    return hashlib.sha256(f"{account} {region} {uri}".encode(errors="surrogatepass")).hexdigest()[:32]


def group_arn(account: str, region: str) -> str:
    """Return the ARN of an account's lineage group."""
    return str(Arn("sagemaker", region, account, f"lineage-group/{GROUP}"))


def parent(trial: Document) -> Document:
    """Return how a trial component remembers a trial, which is what Search tells of it."""
    return {"TrialName": trial["TrialName"], "ExperimentName": trial["ExperimentName"]}


def in_trial(component: Document, trial: Document) -> bool:
    """Tell whether a component is in a trial."""
    return trial["TrialName"] in [each["TrialName"] for each in component.get("Parents", ())]
