"""What Search finds: the kind behind each resource type, and where its records stand in an answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Searchable:
    """One resource type of Search.

    `kind` is the declared kind, `member` the one of SearchRecord that shows it, `within` the member in there
    that holds the record. The model has no member for images: they are found and counted, but shown empty.
    """

    kind: str
    member: str = ""
    within: str = ""


_SAME = (
    "TrainingJob",
    "Experiment",
    "Endpoint",
    "ModelPackage",
    "ModelPackageGroup",
    "Pipeline",
    "PipelineExecution",
    "PipelineVersion",
    "FeatureGroup",
    "FeatureMetadata",
    "Project",
    "HyperParameterTuningJob",
    "ModelCard",
    "Job",
    "HubContent",
)

SEARCHABLE = {
    **{name: Searchable(kind=name, member=name) for name in _SAME},
    "ExperimentTrial": Searchable(kind="Trial", member="Trial"),
    "ExperimentTrialComponent": Searchable(kind="TrialComponent", member="TrialComponent"),
    "Model": Searchable(kind="Model", member="Model", within="Model"),
    "Image": Searchable(kind="Image"),
    "ImageVersion": Searchable(kind="ImageVersion"),
}

KINDS = frozenset(found.kind for found in SEARCHABLE.values())
"""Kinds of which every member is indexed; of others, what List may filter and sort by."""
