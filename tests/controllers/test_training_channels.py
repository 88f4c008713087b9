"""Which objects a channel names, by each kind of source, and what is said of one that names none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.controllers.worlds import ROLE, World

from clary.controllers.s3 import DataFault, RoleObjects
from clary.controllers.training.channels import files, pipes
from clary.core.document import Document
from clary.runtime.spec import Piece

LINES = [
    {"source-ref": "s3://box/data/b", "class": 1, "note": "x"},
    {"source-ref": "s3://box/data/a", "class": "cat", "box": {"w": 2}},
]


@pytest.fixture
def objects(tmp_path: Path) -> RoleObjects:
    world = World.make(tmp_path)
    for name in ("a", "b", "sub/c"):
        world.means.objects.put("box", f"data/{name}", name.encode())
    return world.means.as_role(ROLE)


def put(objects: RoleObjects, key: str, body: object) -> str:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    objects.objects.put("box", key, data)
    return f"s3://box/{key}"


def job(uri: str, kind: str = "S3Prefix", mode: str = "File", /, **members: object) -> Document:
    source = {"S3DataType": kind, "S3Uri": uri}
    for name in ("AttributeNames", "S3DataDistributionType"):
        if name in members:
            source[name] = members.pop(name)  # type: ignore[assignment]  # a list, or a word
    channel = {"ChannelName": "train", "DataSource": {"S3DataSource": source}, **members}
    return {"AlgorithmSpecification": {"TrainingInputMode": mode}, "InputDataConfig": [channel]}


def names(doc: Document, objects: RoleObjects, share: tuple[int, int] = (0, 1)) -> list[str]:
    return [each.target.removeprefix("input/data/train/") for each in files(doc, objects, share)]


def test_a_manifest_is_its_prefix_with_each_name_appended(objects: RoleObjects) -> None:
    uri = put(objects, "m", [{"prefix": "s3://box/data/"}, "sub/c", "a"])
    assert names(job(uri, "ManifestFile"), objects) == ["sub/c", "a"]
    assert [each.source.read_bytes() for each in files(job(uri, "ManifestFile"), objects)] == [b"sub/c", b"a"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"a\nb\n", "is not JSON"),
        (["a"], "does not begin with a prefix"),
        ([], "does not begin with a prefix"),
        ([{"prefix": "s3://box/data/"}], "lists no objects after its prefix"),
        ([{"prefix": "s3://box/data/"}, 7], "entry 2 of the manifest s3://box/m is 7"),
        ([{"prefix": "s3://box/data/"}, "../a"], "does not name a file"),
        ([{"prefix": "s3://box/data/"}, "gone"], "s3://box/data/gone"),
    ],
)
def test_a_manifest_that_lists_nothing_usable_says_why(objects: RoleObjects, body: object, says: str) -> None:
    with pytest.raises(DataFault, match=says):
        files(job(put(objects, "m", body), "ManifestFile"), objects)


def test_an_augmented_manifest_sends_its_attributes_in_the_order_asked_for(objects: RoleObjects) -> None:
    uri = put(objects, "m", "\n".join(map(json.dumps, LINES)).encode())
    doc = job(uri, "AugmentedManifestFile", "Pipe", AttributeNames=["class", "source-ref"])
    (pipe,) = pipes(doc, objects)
    assert [group[0] for group in pipe.groups] == [Piece(text="1"), Piece(text="cat")]
    assert [group[1].source.read_bytes() for group in pipe.groups if group[1].source] == [b"b", b"a"]
    assert files(doc, objects) == ()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "is empty"),
        (b'{"source-ref": "s3://box/data/a", "class": 1}\n{"class"', "line 2 of the augmented manifest"),
        (b"[1]", "is not a JSON object"),
        (b'{"class": 1}', "has no attribute 'source-ref', which AttributeNames lists; it has class"),
        (b'{"source-ref": 7, "class": 1}', "must be the URI of an object"),
        (b'{"source-ref": "s3://box/data/gone", "class": 1}', "s3://box/data/gone"),
    ],
)
def test_an_augmented_manifest_that_cannot_be_sent_names_the_line(
    objects: RoleObjects, body: bytes, says: str
) -> None:
    doc = job(
        put(objects, "m", body), "AugmentedManifestFile", "Pipe", AttributeNames=["source-ref", "class"]
    )
    with pytest.raises(DataFault, match=says):
        pipes(doc, objects)


def test_hosts_share_the_keys_only_where_that_is_asked_for(objects: RoleObjects) -> None:
    whole, sharded = job("s3://box/data/"), job("s3://box/data/", S3DataDistributionType="ShardedByS3Key")
    assert names(whole, objects, (0, 2)) == names(whole, objects, (1, 2)) == ["a", "b", "sub/c"]
    assert (names(sharded, objects, (0, 2)), names(sharded, objects, (1, 2))) == (["a", "sub/c"], ["b"])
    assert names(sharded, objects) == ["a", "b", "sub/c"]


def test_a_pipe_knows_how_it_is_to_be_fed(objects: RoleObjects) -> None:
    doc = job(
        "s3://box/data/", "S3Prefix", "FastFile",
        InputMode="Pipe", CompressionType="Gzip", RecordWrapperType="RecordIO", ShuffleConfig={"Seed": 5},
    )  # fmt: skip
    (pipe,) = pipes(doc, objects)
    assert (pipe.channel, pipe.seed, pipe.gunzip, pipe.wrapped, len(pipe.groups)) == (
        "train",
        5,
        True,
        True,
        3,
    )


def test_a_job_whose_manifest_is_wrong_fails_with_the_reason(objects: RoleObjects) -> None:
    uri = put(objects, "m", [{"prefix": "s3://box/data/"}, "secret"])
    objects.objects.put("box", "data/secret", b"x")
    with pytest.raises(DataFault, match="is not authorized to perform: s3:GetObject"):
        files(job(uri, "ManifestFile"), objects)
