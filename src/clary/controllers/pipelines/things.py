"""What steps make: by which call, under which name, and what its statuses mean for the step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from clary.core.document import Document
from clary.engines.pipelines.graph import StepStatus
from clary.resources.automl.auto_ml_job import AUTO_ML_JOB
from clary.resources.inference.endpoint import ENDPOINT
from clary.resources.inference.endpoint_config import ENDPOINT_CONFIG
from clary.resources.inference.model import MODEL
from clary.resources.inference.transform_job import TRANSFORM_JOB
from clary.resources.model_registry.model_package import MODEL_PACKAGE
from clary.resources.processing.processing_job import PROCESSING_JOB
from clary.resources.spec import Resource
from clary.resources.training.training_job import TRAINING_JOB
from clary.resources.tuning.hyper_parameter_tuning_job import HYPER_PARAMETER_TUNING_JOB
from clary.wire import models

_JOB: Mapping[str, StepStatus] = {"Completed": "Succeeded", "Failed": "Failed", "Stopped": "Stopped"}
_ENDPOINT: Mapping[str, StepStatus] = {
    "InService": "Succeeded",
    "OutOfService": "Failed",
    "UpdateRollbackFailed": "Failed",
    "Failed": "Failed",
}


@dataclass(frozen=True, kw_only=True)
class Thing:
    """What the steps of one kind make.

    `metadata` is the member of a step's Metadata that names it; `ends` says which of its statuses end the
    step and how (none: it is there at once); `wakes` that its own controller tells the end; `stops` that it
    can be told to stop; `exact` that a name in the arguments is the name, not the beginning of one; `once`
    is the member of Create that keeps it from being made twice where the name cannot; `experiment` that it
    takes an ExperimentConfig.
    """

    resource: Resource
    metadata: str
    ends: Mapping[str, StepStatus] = field(default_factory=dict)
    wakes: bool = True
    stops: bool = False
    exact: bool = False
    once: str = ""
    experiment: bool = False

    @property
    def name(self) -> str:
        """The member that names one."""
        return self.resource.key()[-1]

    @property
    def create(self) -> str:
        """The operation that makes one."""
        return f"Create{self.resource.kind}"

    @property
    def stop(self) -> str:
        """The operation that stops one."""
        return f"Stop{self.resource.kind}"

    @cached_property
    def limit(self) -> int:
        """How long a name may be."""
        shape = models.service("sagemaker").operation_model(self.create).input_shape
        return int(shape.members[self.name].metadata.get("max", 63)) if shape else 63


_PROCESSING = Thing(resource=PROCESSING_JOB, metadata="ProcessingJob", ends=_JOB, stops=True, experiment=True)

THINGS: Mapping[str, Thing] = {
    "Training": Thing(resource=TRAINING_JOB, metadata="TrainingJob", ends=_JOB, stops=True, experiment=True),
    "Processing": _PROCESSING,
    "ClarifyCheck": _PROCESSING,
    "QualityCheck": _PROCESSING,
    "Transform": Thing(
        resource=TRANSFORM_JOB, metadata="TransformJob", ends=_JOB, stops=True, experiment=True
    ),
    "Tuning": Thing(resource=HYPER_PARAMETER_TUNING_JOB, metadata="TuningJob", ends=_JOB, stops=True),
    "AutoML": Thing(resource=AUTO_ML_JOB, metadata="AutoMLJob", ends=_JOB, wakes=False, stops=True),
    "Model": Thing(resource=MODEL, metadata="Model"),
    "RegisterModel": Thing(resource=MODEL_PACKAGE, metadata="RegisterModel", once="ClientToken"),
    "EndpointConfig": Thing(resource=ENDPOINT_CONFIG, metadata="EndpointConfig", exact=True),
    "Endpoint": Thing(resource=ENDPOINT, metadata="Endpoint", ends=_ENDPOINT, exact=True),
}
"""By the type of a step."""


def operation_of(thing: Thing, verb: str, request: Document) -> str:
    """Return the operation of a kind that has two for a verb, by what is asked of it."""
    second = "AutoMLProblemTypeConfig" in request
    return f"{verb}{thing.resource.kind}{'V2' if second else ''}"
