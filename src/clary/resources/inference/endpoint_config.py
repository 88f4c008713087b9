"""Endpoint configurations: which models, on what, with which share of the traffic."""

from clary.resources.registry import register
from clary.resources.spec import Resource

ENDPOINT_CONFIG = register(
    Resource(
        kind="EndpointConfig",
        announced="SageMaker Endpoint Config State Change",
        arn="endpoint-config/{EndpointConfigName!l}",  # evidence/inference-arns.md
        answers={
            "EnableNetworkIsolation": False,
            "ProductionVariants.InitialVariantWeight": 1.0,  # evidence/variant-weight.md
            "ShadowProductionVariants.InitialVariantWeight": 1.0,
        },
        missing="ValidationException",  # evidence/inference-missing.md
        missing_text='Could not find endpoint configuration "{arn}".',
        conflict="ValidationException",  # evidence/inference-conflict.md
        conflict_text='Cannot create already existing endpoint configuration "{arn}".',
        without_effect={
            "VpcConfig": "hosts use this machine's network, or none with EnableNetworkIsolation",
            "ProductionVariants.VolumeSizeInGB": "hosts share one disk",
        },
        level="behaves",
        conforms=frozenset(
            {"CreateEndpointConfig", "DescribeEndpointConfig", "ListEndpointConfigs", "DeleteEndpointConfig"}
        ),
    )
)
