"""Jobs of several hosts over a real store: what is planned for each, and what their runs come to together."""

from __future__ import annotations

import io
import json
import tarfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.controllers.test_training_job import REQUEST, create, tend
from tests.controllers.worlds import NOON, World

from clary.controllers.hosts import broken_since, together
from clary.controllers.training.training_job_world import GROUP
from clary.core.document import Document
from clary.runtime.spec import Seen

SECOND = timedelta(seconds=1)
TWO = {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2}}
GROUPS = {
    "ResourceConfig": {
        "InstanceGroups": [
            {"InstanceGroupName": "cpu", "InstanceType": "ml.c5.xlarge", "InstanceCount": 2},
            {"InstanceGroupName": "big", "InstanceType": "ml.m5.4xlarge", "InstanceCount": 1},
        ]
    }
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.make(tmp_path)
    for name in ("a", "b", "c"):
        made.means.objects.put("box", f"data/train/{name}.csv", name.encode())
    return made


def ended(code: int | None = 0, failure: str = "", after: int = 1, **members: Any) -> Seen:
    return Seen(
        phase="exited",
        started=NOON,
        ended=NOON + after * SECOND,
        exit_code=code,
        failure=failure,
        **members,
    )


RUNS = Seen(phase="running", started=NOON)
PACKS = Seen(phase="packing", started=NOON)
WAITS = Seen(phase="queued", note="Number 1.")


@pytest.mark.parametrize(
    ("runs", "phase"),
    [
        ([Seen(), RUNS], "absent"),
        ([WAITS, WAITS], "queued"),
        ([RUNS, Seen(phase="preparing")], "preparing"),
        ([ended(), RUNS], "running"),
        ([ended(), PACKS], "packing"),
        ([ended(1, "AlgorithmError: x"), RUNS], "running"),
        ([ended(), ended()], "exited"),
    ],
)
def test_a_job_is_as_far_as_the_last_of_its_hosts(runs: list[Seen], phase: str) -> None:
    assert together(runs).phase == phase


def test_the_host_that_failed_first_says_why_the_job_failed() -> None:
    stopped, failed = ended(143, after=3), ended(1, "AlgorithmError: ValueError: no", after=2)
    told = together([stopped, failed])
    assert (told.exit_code, told.failure) == (1, "AlgorithmError: algo-2: ValueError: no")
    assert told.ended == NOON + 3 * SECOND
    assert together([ended(), ended()]).failure == ""
    assert together([ended(), ended(3)]).failure == "algo-2 failed"
    assert together([ended(), ended(None, lost=True)]).lost


def test_what_waits_says_so_once() -> None:
    assert together([WAITS, WAITS]).note == "Number 1."


def test_a_failed_host_breaks_a_job_only_while_others_run() -> None:
    failed = ended(1, "AlgorithmError: x", after=5)
    assert broken_since([failed, RUNS]) == NOON + 5 * SECOND
    assert broken_since([ended(), RUNS]) is None
    assert broken_since([failed, ended()]) is None


def resources(world: World, uid: str) -> Document:
    found: Document = json.loads(world.runtime.specs[uid].files["input/config/resourceconfig.json"])
    return found


def test_each_host_has_a_run_that_knows_the_others(world: World) -> None:
    job = create(world, **TWO)
    tend(world)
    uids = (f"{job.uid}-1-1", f"{job.uid}-1-2")
    assert tuple(world.runtime.specs) == uids
    assert [spec.host for spec in world.runtime.specs.values()] == ["algo-1", "algo-2"]
    assert {spec.gang for spec in world.runtime.specs.values()} == {uids}
    assert resources(world, uids[1]) == {
        "current_host": "algo-2",
        "current_instance_type": "ml.m5.large",
        "current_group_name": "homogeneousCluster",
        "hosts": ["algo-1", "algo-2"],
        "instance_groups": [
            {
                "instance_group_name": "homogeneousCluster",
                "instance_type": "ml.m5.large",
                "hosts": ["algo-1", "algo-2"],
            }
        ],
        "network_interface_name": "lo",
    }


def test_instance_groups_number_their_hosts_through_and_get_their_own_channels(world: World) -> None:
    def channel(name: str, **source: object) -> Document:
        where = {"S3DataType": "S3Prefix", "S3Uri": "s3://box/data/train", **source}
        return {"ChannelName": name, "DataSource": {"S3DataSource": where}}

    shared = channel("all", S3DataDistributionType="ShardedByS3Key")
    own = channel("own", S3DataDistributionType="ShardedByS3Key", InstanceGroupNames=["cpu"])
    job = create(world, **GROUPS, InputDataConfig=[shared, own])
    tend(world)
    specs = [world.runtime.specs[f"{job.uid}-1-{number}"] for number in (1, 2, 3)]
    assert [spec.instance_type for spec in specs] == ["ml.c5.xlarge", "ml.c5.xlarge", "ml.m5.4xlarge"]
    assert resources(world, specs[2].uid)["current_group_name"] == "big"
    assert [group["hosts"] for group in resources(world, specs[0].uid)["instance_groups"]] == [
        ["algo-1", "algo-2"],
        ["algo-3"],
    ]
    placed = [[each.target.removeprefix("input/data/") for each in spec.inputs] for spec in specs]
    assert placed == [["all/a.csv", "own/a.csv", "own/c.csv"], ["all/b.csv", "own/b.csv"], ["all/c.csv"]]
    assert [sorted(json.loads(spec.files["input/config/inputdataconfig.json"])) for spec in specs] == [
        ["all", "own"],
        ["all", "own"],
        ["all"],
    ]


def tarball(**files: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


def test_the_model_is_of_all_hosts_and_each_has_its_log(world: World) -> None:
    job = create(world, **TWO)
    tend(world)
    first, second = f"{job.uid}-1-1", f"{job.uid}-1-2"
    for uid, loss in ((first, "1"), (second, "2")):
        world.runtime.printed[uid] = f"loss={loss}\n".encode()
    world.runtime.succeed(first, NOON, NOON, model=tarball(one="1", both="first"))
    world.runtime.reach(second, "running", NOON)
    world.later()
    tend(world)
    assert world.reread(job).status == "InProgress"
    world.runtime.succeed(second, NOON, NOON, model=tarball(both="second", two="2"))
    world.later()
    tend(world)
    assert world.reread(job).status == "Completed"
    body = world.means.objects.get("box", "out/j/output/model.tar.gz").path.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        kept = {each.name: tar.extractfile(each).read() for each in tar}  # type: ignore[union-attr]
    assert kept == {"one": b"1", "both": b"first", "two": b"2"}
    streams = world.means.logs.streams(job.account, job.region, GROUP, limit=9)
    assert sorted(each.name.rpartition("-")[0] for each in streams) == ["j/algo-1", "j/algo-2"]
    assert world.runtime.seen == {}


def test_one_failed_host_stops_the_others_and_is_named(world: World) -> None:
    job = create(world, **TWO)
    tend(world)
    first, second = f"{job.uid}-1-1", f"{job.uid}-1-2"
    world.runtime.reach(first, "running", NOON)
    world.runtime.seen[second] = ended(1, "AlgorithmError: ValueError: planted", after=0)
    world.later()
    tend(world)
    assert ("stop", first) in world.runtime.calls
    world.clock.at += timedelta(seconds=151)
    tend(world)
    assert ("kill", first) in world.runtime.calls
    world.later()
    tend(world)
    doc = world.reread(job).doc
    assert doc["TrainingJobStatus"] == "Failed"
    assert doc["FailureReason"] == "AlgorithmError: algo-2: ValueError: planted"


def test_a_job_that_lost_one_host_begins_again_on_all(world: World) -> None:
    job = create(world, **TWO, RetryStrategy={"MaximumRetryAttempts": 1})
    tend(world)
    world.runtime.reach(f"{job.uid}-1-1", "running", NOON)
    world.runtime.seen[f"{job.uid}-1-2"] = ended(None, "InternalServerError: The host was lost")
    world.later()
    tend(world)
    world.runtime.seen[f"{job.uid}-1-1"] = ended(143, after=2)
    world.later()
    tend(world)
    assert sorted(world.runtime.seen) == [f"{job.uid}-2-1", f"{job.uid}-2-2"]


def test_the_request_of_the_tests_is_for_one_host() -> None:
    assert REQUEST["ResourceConfig"]["InstanceCount"] == 1
