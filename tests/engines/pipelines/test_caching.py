"""Keys of results: what counts, what does not, and what is told of a miss."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clary.core.document import Document
from clary.engines.pipelines import caching, definition

EVERY = definition.parse((Path(__file__).parent / "definitions" / "every_v2.json").read_text())
PROCESS = EVERY.named["Process"]
NOW = datetime(2026, 11, 23, tzinfo=UTC)
CODE = f"s3://b/p/code/{'0a' * 32}/pre.py"
GIVEN: Document = json.loads(
    json.dumps(PROCESS.arguments)
    .replace('{"Get": "Parameters.Count"}', "1")
    .replace('{"Get": "Parameters.Kind"}', '"ml.m5.large"')
)
GIVEN["ProcessingInputs"][1]["S3Input"]["S3Uri"] = CODE
DATA = GIVEN["ProcessingInputs"][0]["S3Input"]["S3Uri"]


Change = Callable[[Document], object]


def key(change: Change = lambda _: None, digests: dict[str, str] | None = None) -> dict[str, str]:
    arguments = copy.deepcopy(GIVEN)
    change(arguments)
    return caching.parts(PROCESS, arguments, {DATA: "one"} if digests is None else digests)


def test_only_what_is_not_named_by_its_content_is_read() -> None:
    assert caching.reads(PROCESS, GIVEN) == (DATA,)
    elsewhere = copy.deepcopy(GIVEN)
    elsewhere["ProcessingInputs"][1]["S3Input"]["S3Uri"] = f"s3://b/{'0a' * 32}/pre.py"
    assert caching.reads(PROCESS, elsewhere) == (DATA, f"s3://b/{'0a' * 32}/pre.py")


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        (lambda a: None, []),
        (lambda a: a["ProcessingOutputConfig"]["Outputs"].clear(), []),
        (lambda a: a["ProcessingResources"]["ClusterConfig"].update(InstanceCount=2), []),
        (lambda a: a.update(Tags=[{"Key": "a", "Value": "b"}], ProcessingJobName="n"), []),
        (lambda a: a.update(RoleArn="arn:aws:iam::000000000000:role/other"), []),
        (lambda a: a.update(Environment={"LEVEL": "2"}), ["Environment.LEVEL"]),
        (
            lambda a: a["AppSpecification"]["ContainerArguments"].append("x"),
            ["AppSpecification.ContainerArguments"],
        ),
        (
            lambda a: a["ProcessingInputs"][1]["S3Input"].update(S3Uri=CODE.replace("0a", "0b")),
            ["ProcessingInputs.code"],
        ),
        (
            lambda a: a["ProcessingInputs"][0]["S3Input"].update(S3Uri="s3://b/other"),
            ["ProcessingInputs.input-1", "ProcessingInputs.input-1 content"],
        ),
    ],
)
def test_a_miss_is_told_by_the_parts_that_count(change: Change, missed: list[str]) -> None:
    assert caching.missed(key(), key(change)) == missed


def test_a_changed_byte_of_an_input_is_a_miss() -> None:
    assert caching.missed(key(), key(digests={DATA: "two"})) == ["ProcessingInputs.input-1 content"]


def test_a_kind_that_aws_has_no_list_for_counts_all_but_names_and_tags() -> None:
    step = EVERY.named["Lambda"]
    before = caching.parts(step, {"x": 1}, {})
    assert caching.missed(before, caching.parts(step, {"x": 2}, {})) == ["x"]
    assert "FunctionArn" in before
    assert "OutputParameters" in before


def test_a_training_reads_its_channels_and_not_where_it_writes() -> None:
    step = EVERY.named["Train"]
    source = {"S3DataSource": {"S3Uri": "s3://b/t", "S3DataType": "S3Prefix"}}
    channel = {"ChannelName": "train", "DataSource": source}
    arguments = {**step.arguments, "InputDataConfig": [channel], "CheckpointConfig": {"S3Uri": "s3://b/c"}}
    assert caching.reads(step, arguments) == ("s3://b/t",)
    assert "InputDataConfig.train content" in caching.parts(step, arguments, {"s3://b/t": "d"})


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("P30D", timedelta(days=30)),
        ("p30d", timedelta(days=30)),
        ("30d", timedelta(days=30)),
        ("5y", timedelta(days=5 * 365)),
        ("T16m", timedelta(minutes=16)),
        ("PT1H", timedelta(hours=1)),
        ("30dT5h", timedelta(days=30, hours=5)),
        ("P4DT12H", timedelta(days=4, hours=12)),
        ("P1Y2M1W", timedelta(days=365 + 60 + 7)),
    ],
)
def test_durations_are_read_as_aws_writes_them(text: str, length: timedelta) -> None:
    assert caching.duration(text) == length
    assert caching.oldest(text, NOW) == NOW - length


@pytest.mark.parametrize("text", ["", "P", "PT", "1", "1h", "soon", "P1DT", "-P1D"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        caching.duration(text)


def test_a_duration_longer_than_time_forgets_nothing() -> None:
    for text in ("P9999999999Y", f"P{'9' * 400}D"):
        with pytest.raises(ValueError, match="days at most"):
            caching.duration(text)
    assert caching.oldest("P9999Y", NOW) is None
    assert caching.oldest(None, NOW) is None
