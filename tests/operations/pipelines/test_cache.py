"""Steps take the result of an earlier execution where nothing that they follow from has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.conformance.iam.people import allow, deny, role
from tests.operations.pipelines.written import BUCKET, fail, training

if TYPE_CHECKING:
    from tests.operations.pipelines.life import Life

CACHE = {"Enabled": True, "ExpireAfter": "30d"}


def put(life: Life, key: str, body: bytes) -> None:
    life.server.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)


def reading(name: str, prefix: str, **more: Any) -> dict[str, Any]:
    """Return a cached Training step that reads a prefix."""
    step = training(name, CacheConfig=CACHE, **more)
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{prefix}"}}
    step["Arguments"]["InputDataConfig"] = [{"ChannelName": "train", "DataSource": source}]
    return step


def log(life: Life, arn: str) -> list[str]:
    name, _, execution = arn.split(":pipeline/")[1].split("/")
    logs = life.server.client("logs")
    stream = f"{name}/{execution}"
    found = logs.get_log_events(logGroupName="/aws/sagemaker/Pipelines", logStreamName=stream)
    return [event["message"] for event in found["events"]]


def test_an_unchanged_step_is_taken_and_a_changed_byte_runs_what_depends_on_it(life: Life) -> None:
    mark = uuid4().hex[:8]
    put(life, f"{mark}/a/x", b"one")
    put(life, f"{mark}/b/x", b"one")
    name = life.create(
        reading("A", f"{mark}/a/"), reading("B", f"{mark}/b/"), fail("End", "x", DependsOn=["A", "B"])
    )
    first = life.start(name)
    life.go_on(first)
    life.end(first, "A")
    life.end(first, "B")

    second = life.start(name)
    life.go_on(second)
    steps = life.steps(second)
    for step in ("A", "B"):
        assert steps[step]["StepStatus"] == "Succeeded"
        assert steps[step]["CacheHitResult"] == {"SourcePipelineExecutionArn": first}
        assert steps[step]["Metadata"] == life.steps(first)[step]["Metadata"]

    put(life, f"{mark}/b/x", b"two")
    third = life.start(name)
    life.go_on(third)
    assert life.statuses(third) == {"A": "Succeeded", "B": "Executing"}
    assert "CacheHitResult" in life.steps(third)["A"]
    [line] = log(life, third)
    assert line.startswith(f"B runs: not the same as in {first}: ")
    assert f"s3://{BUCKET}/{mark}/b/" in line or "InputDataConfig" in line
    life.end(third, "B")

    put(life, f"{mark}/b/x", b"one")
    fourth = life.start(name)
    life.go_on(fourth)
    assert life.steps(fourth)["B"]["CacheHitResult"] == {"SourcePipelineExecutionArn": first}


def test_a_result_whose_job_is_gone_is_not_taken(life: Life) -> None:
    mark = uuid4().hex[:8]
    put(life, f"{mark}/x", b"one")
    name = life.create(reading("A", f"{mark}/"))
    first = life.start(name)
    life.go_on(first)
    life.end(first, "A")
    life.records.delete(life.made(first, "A"))
    second = life.start(name)
    life.go_on(second)
    assert life.statuses(second) == {"A": "Executing"}
    assert log(life, second) == [f"A runs: what {first} made was deleted"]


def test_a_failed_step_leaves_no_result(life: Life) -> None:
    mark = uuid4().hex[:8]
    put(life, f"{mark}/x", b"one")
    name = life.create(reading("A", f"{mark}/"))
    first = life.start(name)
    life.go_on(first)
    life.end(first, "A", "Failed", FailureReason="AlgorithmError: no")
    second = life.start(name)
    life.go_on(second)
    assert life.statuses(second) == {"A": "Executing"}
    assert log(life, second) == ["A runs: no execution before has a result of this step"]


def test_what_the_role_may_not_list_is_neither_taken_nor_kept(life: Life) -> None:
    mark = uuid4().hex[:8]
    put(life, f"{mark}/x", b"one")
    trusted = {"Service": "sagemaker.amazonaws.com"}
    closed = role(life.server, trusted, allow("*"), deny("s3:ListBucket", f"arn:aws:s3:::{BUCKET}"))
    name = life.create(reading("A", f"{mark}/"), role=closed)
    for _ in range(2):
        arn = life.start(name)
        life.go_on(arn)
        assert life.statuses(arn) == {"A": "Executing"}
        [line] = log(life, arn)
        assert line.startswith(f"A runs: its role may not list s3://{BUCKET}/{mark}/ (s3:ListBucket)")
        life.end(arn, "A")
