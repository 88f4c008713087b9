"""The kinds of steps: whose request their arguments are, and whose answer their properties.

evidence/pipeline-definition.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Form = Literal["text", "flag"]


@dataclass(frozen=True, kw_only=True)
class StepKind:
    """One kind of step."""

    creates: str | None = None  # the operation whose request the arguments are; None: arguments of its own
    describes: tuple[str, ...] = ()  # the operations whose answers the properties are
    fills: tuple[str, ...] = ()  # required arguments that an execution fills in
    never: tuple[str, ...] = ()  # members of the request that are not a step's to say
    more: Mapping[str, Form] = field(default_factory=dict)  # members beside the common ones
    needs: tuple[str, ...] = ()  # which of them must be there
    outputs: bool = False  # whether it declares OutputParameters
    properties: tuple[str, ...] = ()  # properties that no operation describes
    retries: bool = False
    caches: bool = False


_CHECKED: Mapping[str, Form] = {
    "CheckType": "text",
    "ModelPackageGroupName": "text",
    "SkipCheck": "flag",
    "FailOnViolation": "flag",
    "RegisterNewBaseline": "flag",
    "SuppliedBaselineConstraints": "text",
}
_BASELINES = ("CalculatedBaselineConstraints", "BaselineUsedForDriftCheckConstraints")

KINDS: Mapping[str, StepKind] = {
    "Processing": StepKind(
        creates="CreateProcessingJob",
        describes=("DescribeProcessingJob",),
        fills=("ProcessingJobName",),
        retries=True,
        caches=True,
    ),
    "Training": StepKind(
        creates="CreateTrainingJob",
        describes=("DescribeTrainingJob",),
        fills=("TrainingJobName",),
        retries=True,
        caches=True,
    ),
    "Tuning": StepKind(
        creates="CreateHyperParameterTuningJob",
        describes=("DescribeHyperParameterTuningJob", "ListTrainingJobsForHyperParameterTuningJob"),
        fills=("HyperParameterTuningJobName",),
        retries=True,
        caches=True,
    ),
    "Transform": StepKind(
        creates="CreateTransformJob",
        describes=("DescribeTransformJob",),
        fills=("TransformJobName",),
        retries=True,
        caches=True,
    ),
    "AutoML": StepKind(
        creates="CreateAutoMLJob",
        describes=("DescribeAutoMLJob",),
        fills=("AutoMLJobName",),
        properties=("BestCandidateProperties",),
        retries=True,
        caches=True,
    ),
    "Model": StepKind(
        creates="CreateModel", describes=("DescribeModel",), fills=("ModelName",), retries=True
    ),
    "RegisterModel": StepKind(
        creates="CreateModelPackage",
        describes=("DescribeModelPackage",),
        never=("ModelPackageName",),
        retries=True,
    ),
    "EndpointConfig": StepKind(
        creates="CreateEndpointConfig",
        describes=("DescribeEndpointConfig",),
        fills=("EndpointConfigName",),
        retries=True,
        caches=True,
    ),
    "Endpoint": StepKind(
        creates="CreateEndpoint", describes=("DescribeEndpoint",), fills=("EndpointName",), caches=True
    ),
    "Lineage": StepKind(properties=("ActionArns", "ArtifactArns", "ContextArns", "Associations")),
    "Condition": StepKind(properties=("Outcome",)),
    "Fail": StepKind(),
    "Callback": StepKind(
        more={"SqsQueueUrl": "text"},
        needs=("SqsQueueUrl",),
        outputs=True,
        properties=("OutputParameters",),
        caches=True,
    ),
    "Lambda": StepKind(
        more={"FunctionArn": "text"},
        needs=("FunctionArn",),
        outputs=True,
        properties=("OutputParameters",),
        caches=True,
    ),
    "QualityCheck": StepKind(
        creates="CreateProcessingJob",
        describes=("DescribeProcessingJob",),
        fills=("ProcessingJobName",),
        more={**_CHECKED, "SuppliedBaselineStatistics": "text"},
        needs=("CheckType",),
        properties=(*_BASELINES, "CalculatedBaselineStatistics", "BaselineUsedForDriftCheckStatistics"),
        retries=True,
        caches=True,
    ),
    "ClarifyCheck": StepKind(
        creates="CreateProcessingJob",
        describes=("DescribeProcessingJob",),
        fills=("ProcessingJobName",),
        more={**_CHECKED, "ModelName": "text"},
        needs=("CheckType",),
        properties=_BASELINES,
        retries=True,
        caches=True,
    ),
}

_CLUSTER = "There is no EMR here: run the program as a Processing step, with an image that has Spark."
NOT_RUN: Mapping[str, str] = {
    "EMR": _CLUSTER,
    "EMRServerless": _CLUSTER,
    "InferenceComponent": "Endpoints here have no inference components: give the model a variant of its own, "
    "by EndpointConfig and Endpoint steps.",
    "Job": "CreateJob runs nothing here: use a Training or a Processing step.",
    "Cleanup": "Delete the objects in a Lambda or a Processing step.",
    "ForEach": "Write one step for each item, or loop within a Processing step.",
}
"""Kinds that the SDK writes and that nothing here runs, with what does instead."""

CHECK_TYPES: Mapping[str, tuple[str, ...]] = {
    "QualityCheck": ("DATA_QUALITY", "MODEL_QUALITY"),
    "ClarifyCheck": ("DATA_BIAS", "MODEL_BIAS", "MODEL_EXPLAINABILITY"),
}
