"""Transform jobs whose model does not come up, dies, refuses, or whose role may not read: what is said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.crash.site import Site
from tests.crash.test_training_kills import BUCKET
from tests.crash.transforming import install

pytestmark = pytest.mark.slow
DONE = ("Completed", "Failed", "Stopped")
ANSWER = """
mood = os.environ["MOOD"]
if mood == "broken":
    raise ValueError("the model has no weights")
def answer(body):
    if b"poison" not in body:
        return 200, body
    if mood == "dies":
        print("Segmentation something", flush=True)
        os._exit(3)
    return int(mood), b"ValueError: poison is no number"
"""


@pytest.fixture(scope="module")
def site(site: Site) -> Site:
    """A server with an image that is told how to fail."""
    install(site, "faulty", ANSWER)
    for key, body in {"a": b"1\n", "b": b"poison\n", "c": b"2\n"}.items():
        site.client("s3").put_object(Bucket=BUCKET, Key=f"faults/{key}", Body=body)
    return site


def run(site: Site, name: str, mood: str, model: str = "faulty") -> tuple[Any, list[str]]:
    """Run a job to its end; return it, and the names of its outputs."""
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/faults/"}
    site.client("sagemaker").create_transform_job(
        TransformJobName=name,
        ModelName=model,
        TransformInput={"DataSource": {"S3DataSource": source}, "SplitType": "Line"},
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/{name}"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        ModelClientConfig={"InvocationsMaxRetries": 0},
        Environment={"MOOD": mood},
    )

    def ended() -> Any:
        job = site.client("sagemaker").describe_transform_job(TransformJobName=name)
        return job if job["TransformJobStatus"] in DONE else None

    job = site.until(ended, f"{name} has ended")
    listed = site.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"{name}/").get("Contents", [])
    return job, [each["Key"].removeprefix(f"{name}/") for each in listed]


def test_a_model_that_does_not_load_fails_the_job_with_its_traceback(site: Site) -> None:
    job, outputs = run(site, "broken", "broken")
    assert job["TransformJobStatus"] == "Failed" and not outputs
    assert "exited with code 1 before it answered GET /ping" in job["FailureReason"]
    assert "ValueError: the model has no weights" in job["FailureReason"]


@pytest.mark.parametrize(("code", "blame"), [("400", "ClientError"), ("500", "AlgorithmError")])
def test_a_record_that_is_refused_fails_the_job_with_the_models_words(
    site: Site, code: str, blame: str
) -> None:
    job, outputs = run(site, f"refuses-{code}", code)
    assert job["TransformJobStatus"] == "Failed" and outputs == ["a.out", "c.out"]
    assert job["FailureReason"] == (
        f"{blame}: {BUCKET}/faults/b: Bad HTTP status received from algorithm: {code} "
        "Message: ValueError: poison is no number"
    )


def test_a_model_that_dies_at_work_fails_the_job_with_its_last_words(site: Site) -> None:
    job, outputs = run(site, "dies", "dies")
    assert job["TransformJobStatus"] == "Failed" and outputs == ["a.out"]
    assert job["FailureReason"].startswith("AlgorithmError: ")
    assert "Segmentation something" in job["FailureReason"] and "exit code: 3" in job["FailureReason"]


def test_a_role_that_may_not_read_fails_the_job_and_names_the_permission(site: Site) -> None:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "sagemaker.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    iam = site.client("iam")
    role = iam.create_role(
        RoleName="writes",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )["Role"]
    writes = {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [writes]})
    iam.put_role_policy(RoleName="writes", PolicyName="p", PolicyDocument=policy)
    site.client("sagemaker").create_model(
        ModelName="writes", ExecutionRoleArn=role["Arn"], PrimaryContainer={"Image": "faulty"}
    )
    job, outputs = run(site, "unread", "200", "writes")
    assert job["TransformJobStatus"] == "Failed" and not outputs
    assert "is not authorized to perform: s3:ListBucket" in job["FailureReason"]
