"""Models: an image, its data and the role it may use."""

from clary.resources.registry import register
from clary.resources.spec import Resource

MODEL = register(
    Resource(
        kind="Model",
        announced="SageMaker Model State Change",
        arn="model/{ModelName!l}",  # evidence/inference-arns.md
        answers={"EnableNetworkIsolation": False},
        missing="ValidationException",  # evidence/inference-missing.md
        missing_text='Could not find model "{arn}".',
        conflict="ValidationException",  # evidence/inference-conflict.md
        conflict_text='Cannot create already existing model "{arn}".',
        without_effect={"VpcConfig": "hosts use this machine's network, or none with EnableNetworkIsolation"},
        traced=True,
        level="behaves",
        conforms=frozenset({"CreateModel", "DescribeModel", "ListModels", "DeleteModel"}),
    )
)
