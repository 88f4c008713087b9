"""What calls about benchmark and recommendation jobs decide; the rest is `crud`'s."""

from __future__ import annotations

from dataclasses import replace

from clary.core.document import Document
from clary.operations import crud, none_yet, references
from clary.operations.kinds import of
from clary.operations.registry import Call, before, completes
from clary.resources.ai.workload_config import AI_WORKLOAD_CONFIG


@before("sagemaker", "CreateAIBenchmarkJob")
@before("sagemaker", "CreateAIRecommendationJob")
def check(call: Call) -> None:
    """Refuse a role that cannot be passed on."""
    references.role(call, call.request["RoleArn"])


@completes("sagemaker", "CreateAIBenchmarkJob")
@completes("sagemaker", "CreateAIRecommendationJob")
def named_config(call: Call) -> Document:
    """Name the workload configuration, which must be there and may be given by its ARN."""
    given = call.request["AIWorkloadConfigIdentifier"]
    asked = replace(call, request={"AIWorkloadConfigName": given})
    name = crud.named(of(AI_WORKLOAD_CONFIG), asked).name
    return {"AIWorkloadConfigName": name, **none_yet.at_once(call, "EndTime")}
