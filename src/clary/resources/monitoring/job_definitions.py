"""Definitions of monitoring jobs, four kinds alike: what to compare, with what, and on which machine."""

from clary.resources.registry import register
from clary.resources.spec import Resource


def _definition(kind: str, arn: str) -> Resource:
    return register(
        Resource(
            kind=f"{kind}JobDefinition",
            identity=("JobDefinitionName",),
            arn=f"{arn}-job-definition/{{JobDefinitionName}}",
            arn_member="JobDefinitionArn",
            shown={
                "MonitoringJobDefinitionName": "JobDefinitionName",
                "MonitoringJobDefinitionArn": "JobDefinitionArn",
                "EndpointName": "EndpointName",
            },
        )
    )


DATA_QUALITY = _definition("DataQuality", "data-quality")
MODEL_QUALITY = _definition("ModelQuality", "model-quality")
MODEL_BIAS = _definition("ModelBias", "model-bias")
MODEL_EXPLAINABILITY = _definition("ModelExplainability", "model-explainability")
