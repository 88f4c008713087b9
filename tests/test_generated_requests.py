"""What the generator writes, our own validator accepts, for every operation of the services we have."""

from __future__ import annotations

import pytest
from tests.generated_requests import Author

from clary.wire import models
from clary.wire.validate import validate

SERVICES = ("sagemaker", "sagemaker-runtime", "sagemaker-metrics", "iam", "sts", "logs", "s3")


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("by_arn", [False, True])
def test_every_operation_s_smallest_request_is_valid(service: str, by_arn: bool) -> None:
    model, author = models.service(service), Author()
    for name in model.operation_names:
        operation = model.operation_model(name)
        if operation.input_shape is not None:
            validate(operation.input_shape, author.request(operation, by_arn=by_arn), model)


def test_the_same_request_is_written_each_time() -> None:
    model = models.service("sagemaker")
    operation = model.operation_model("CreateTrainingJob")
    assert Author().request(operation) == Author().request(operation)


def test_given_values_and_existing_resources_are_taken() -> None:
    operation = models.service("sagemaker").operation_model("DescribeModelPackage")
    arn = "arn:aws:sagemaker:us-east-1:111111111111:model-package/theirs"
    author = Author(arns=["arn:aws:sagemaker:us-east-1:111111111111:model/m", arn])
    assert author.request(operation, by_arn=True) == {"ModelPackageName": arn}
    assert author.request(operation) == {"ModelPackageName": "generated"}
    known = Author(known={"ModelPackageName": "mine"})
    assert known.request(operation, by_arn=True) == {"ModelPackageName": "mine"}
