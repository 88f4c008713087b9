"""Limits of the models, in AWS's words."""

from __future__ import annotations

from typing import Any

import pytest

from clary.core.body import StagedBody
from clary.core.errors import ApiError
from clary.wire import models
from clary.wire.patterns import compile_pattern
from clary.wire.validate import validate

JOB = {
    "TrainingJobName": "a-job",
    "AlgorithmSpecification": {"TrainingImage": "x", "TrainingInputMode": "File"},
    "RoleArn": "arn:aws:iam::000000000000:role/Role",
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/prefix"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}
NAME = "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
LENGTH = "Member must have length"


def complaint(service: str, operation: str, document: dict[str, Any]) -> ApiError | None:
    model = models.service(service)
    try:
        validate(model.operation_model(operation).input_shape, document, model)
    except ApiError as error:
        return error
    return None


def job(**changes: Any) -> str:
    error = complaint("sagemaker", "CreateTrainingJob", JOB | changes)
    assert error is not None and error.code == "ValidationException"
    return error.message.partition(" detected: ")[2]


def test_a_good_document_passes() -> None:
    assert complaint("sagemaker", "CreateTrainingJob", JOB) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"TrainingJobName": "a_b"},
            "Value 'a_b' at 'trainingJobName' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {NAME}",
        ),
        ({"RoleArn": None}, "Value null at 'roleArn' failed to satisfy constraint: Member must not be null"),
        (
            {"ResourceConfig": {"InstanceCount": -1, "VolumeSizeInGB": 1}},
            "Value '-1' at 'resourceConfig.instanceCount' failed to satisfy constraint: "
            "Member must have value greater than or equal to 0",
        ),
        (
            {"AlgorithmSpecification": {"TrainingInputMode": "Pip"}},
            "Value 'Pip' at 'algorithmSpecification.trainingInputMode' failed to satisfy constraint: "
            "Member must satisfy enum value set: [Pipe, File, FastFile]",
        ),
        (
            {"HyperParameters": {"a": "b" * 2501}},
            f"Value '{{a={'b' * 1021}' at 'hyperParameters' failed to satisfy constraint: "
            f"Map value must satisfy constraint: [{LENGTH} less than or equal to 2500, "
            f"{LENGTH} greater than or equal to 0, Member must satisfy regular expression pattern: .*]",
        ),
        (
            {"Tags": [{"Key": "a", "Value": "b"}, {"Key": "", "Value": "c"}]},
            "Value '' at 'tags.2.member.key' failed to satisfy constraint: "
            f"{LENGTH} greater than or equal to 1",
        ),
        (
            {"VpcConfig": {"SecurityGroupIds": ["sg-1", "sg 2"], "Subnets": ["s"]}},
            "Value '[sg-1, sg 2]' at 'vpcConfig.securityGroupIds' failed to satisfy constraint: "
            f"Member must satisfy constraint: [{LENGTH} less than or equal to 32, "
            f"{LENGTH} greater than or equal to 0, "
            "Member must satisfy regular expression pattern: [-0-9a-zA-Z]+]",
        ),
    ],
)
def test_each_limit_is_named_as_aws_names_it(changes: dict[str, Any], words: str) -> None:
    assert job(**changes) == words


def test_all_complaints_come_at_once() -> None:
    error = complaint("sagemaker", "CreateTrainingJob", JOB | {"TrainingJobName": "", "RoleArn": None})
    assert error is not None
    assert error.message.startswith("3 validation errors detected: Value null at 'roleArn'")
    assert f"Value '' at 'trainingJobName' failed to satisfy constraint: {LENGTH} greater" in error.message
    assert (
        "; Value '' at 'trainingJobName' failed to satisfy constraint: Member must satisfy" in error.message
    )


@pytest.mark.parametrize(
    ("service", "operation", "document", "code"),
    [
        ("sagemaker", "DescribeModel", {}, "ValidationException"),
        ("sagemaker-runtime", "InvokeEndpoint", {}, "ValidationError"),
        ("logs", "GetLogEvents", {"logGroupName": ""}, "InvalidParameterException"),
        ("iam", "GetRole", {"RoleName": ""}, "ValidationError"),
        ("sts", "AssumeRole", {}, "ValidationError"),
        ("cloudwatch", "PutMetricData", {}, "ValidationError"),
        ("s3", "PutObject", {"Bucket": "b", "Key": ""}, "InvalidArgument"),
        ("s3", "DeleteObjects", {"Bucket": "b"}, "MissingRequestBodyError"),
        ("s3", "DeleteObjects", {"Bucket": "b", "Delete": {"Objects": [{}]}}, "MalformedXML"),
        ("kms", "Encrypt", {}, "ValidationException"),
    ],
)
def test_each_service_has_its_own_code(
    service: str, operation: str, document: dict[str, Any], code: str
) -> None:
    error = complaint(service, operation, document)
    assert error is not None
    assert (error.code, error.status) == (code, 400)


def test_secrets_and_bytes_are_not_repeated() -> None:
    document = {"EndpointName": "e", "Body": b"", "CustomAttributes": "ü"}
    secret = complaint("sagemaker-runtime", "InvokeEndpoint", document)
    assert secret is not None and secret.message.startswith(
        "1 validation error detected: Value at 'customAttributes' failed to satisfy constraint: "
    )


def test_a_staged_body_is_measured_by_its_size(tmp_path: Any) -> None:
    small = StagedBody(path=tmp_path / "body", size=6_291_456)
    large = StagedBody(path=tmp_path / "body", size=26_214_401)
    assert complaint("sagemaker-runtime", "InvokeEndpoint", {"EndpointName": "e", "Body": small}) is None
    error = complaint("sagemaker-runtime", "InvokeEndpoint", {"EndpointName": "e", "Body": large})
    assert error is not None and "Value at 'body'" in error.message


def test_many_mistakes_make_a_bounded_message() -> None:
    tags = [{"Key": "", "Value": "x" * 300} for _ in range(10_000)]
    error = complaint("sagemaker", "AddTags", {"ResourceArn": "arn", "Tags": tags})
    assert error is not None and len(error.message) < 100_000


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "Größe 1+2=3 \N{CJK UNIFIED IDEOGRAPH-4E2D}", "a\tb"),
        (r"\A\S[\p{Print}]*\z", "a b", "a\n"),
        (r"\p{ASCII}*", "a\n", "ü"),
        (r"[\w-_]*", "a-b_c", "a b"),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*", "\N{PILE OF POO}\t", "\n"),
        (r"([\p{L}\p{Z}\p{N}_.:\/=+\-@]*)${1,128}", "a key", "a\tkey"),
        (r"\d+", "1", "\N{ARABIC-INDIC DIGIT ONE}"),
        (r"^a$", "a", "a\n"),
    ],
)
def test_patterns_mean_what_they_mean_in_java(pattern: str, good: str, bad: str) -> None:
    compiled = compile_pattern(pattern)
    assert compiled is not None
    assert compiled.fullmatch(good)
    assert not compiled.fullmatch(bad)


@pytest.mark.parametrize("name", ["sagemaker", "sagemaker-runtime", "s3", "iam", "sts", "logs", "kms", "ecr"])
def test_every_pattern_compiles_and_none_takes_for_ever(name: str) -> None:
    service = models.service(name)
    for shape_name in service.shape_names:
        traits = service.shape_for(shape_name).metadata
        if "pattern" not in traits:
            continue
        compiled = compile_pattern(traits["pattern"])
        assert compiled is not None, traits["pattern"]
        length = min(traits.get("max", 2000), 2000)
        for piece in ("a", "-", "a-", "a/", "a.", "0", "_", ","):
            compiled.fullmatch((piece * length)[: length - 1] + "!")
