"""Endpoints over a real store: brought up, switched, healed, taken back, taken down."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.controllers.worlds import ROLE, World

from clary.controllers.inference.endpoint import LINGER
from clary.controllers.inference.endpoint_world import Endpoints
from clary.core.document import Document
from clary.resources.inference.endpoint import ENDPOINT
from clary.runtime.attendance import Attendance
from clary.runtime.spec import Seen
from clary.store.records import Record


def wanted(generation: int = 1, count: int = 1, weight: float = 1.0, model: str = "m1") -> Document:
    variant: Document = {
        "VariantName": "v",
        "InstanceType": "ml.m5.large",
        "Count": count,
        "Weight": weight,
        "Container": {"Image": "image", "ModelDataUrl": f"s3://box/{model}", "Environment": {"A": "b"}},
        "Role": ROLE,
        "Isolated": False,
    }
    return {"Generation": generation, "EndpointConfigName": f"c{generation}", "Variants": [variant]}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.make(tmp_path)
    for name in ("m1", "m2"):
        made.means.objects.put("box", name, b"archive")
    return made


def create(world: World, count: int = 1) -> Record:
    doc: Document = {"EndpointName": "e", "EndpointConfigName": "c1", "_Wanted": wanted(count=count)}
    return world.records.create(ENDPOINT, doc, due=world.clock.now())


def tend(world: World) -> None:
    while world.tend([Endpoints(world.means)]):
        pass


def be_ready(world: World, *uids: str) -> None:
    for uid in uids:
        world.runtime.seen[uid] = Seen(phase="ready", started=world.clock.now(), socket=Path(f"/run/{uid}"))
    world.later()
    tend(world)


def bring_up(world: World, count: int = 1) -> Record:
    endpoint = create(world, count)
    tend(world)
    be_ready(world, *(uid(endpoint, n + 1) for n in range(count)))
    return endpoint


def uid(endpoint: Record, serial: int, generation: int = 1) -> str:
    return f"{endpoint.uid}-{generation}-0-{serial}"


def told(world: World, endpoint: Record) -> list[str]:
    return [host["Uid"].rpartition("-")[2] for host in world.reread(endpoint).doc["_Hosts"]]


def test_an_endpoint_is_in_service_once_every_host_answers(world: World) -> None:
    endpoint = create(world, count=2)
    tend(world)
    first, second = uid(endpoint, 1), uid(endpoint, 2)
    spec = world.runtime.specs[first]
    assert [(each.target, each.unpack) for each in spec.inputs] == [("model", True)]
    assert (spec.program, spec.serves, spec.environment["A"]) == ("serve", True, "b")
    be_ready(world, first)
    doc = world.reread(endpoint).doc
    assert doc["EndpointStatus"] == "Creating"
    assert doc["ProductionVariants"][0]["DesiredInstanceCount"] == 2
    be_ready(world, second)
    doc = world.reread(endpoint).doc
    assert (doc["EndpointStatus"], doc["ProductionVariants"][0]["CurrentInstanceCount"]) == ("InService", 2)
    assert doc["_Hosts"][0] == {"Variant": "v", "Weight": 1.0, "Socket": f"/run/{first}", "Uid": first}


def test_a_host_that_fails_its_health_check_fails_the_endpoint_and_says_why(world: World) -> None:
    endpoint = create(world)
    tend(world)
    why = "AlgorithmError: The server exited with code 1: KeyError: 'x'"
    started = world.clock.now()
    world.runtime.seen[uid(endpoint, 1)] = Seen(phase="exited", exit_code=1, failure=why, started=started)
    world.later()
    tend(world)
    record = world.reread(endpoint)
    assert record.doc["EndpointStatus"] == "Failed"
    assert record.doc["FailureReason"].startswith(
        "The primary container for production variant v did not pass"
    )
    assert "KeyError: 'x'" in record.doc["FailureReason"]
    assert (world.runtime.seen, record.due) == ({}, None)


def test_model_data_that_is_gone_fails_the_endpoint(world: World) -> None:
    world.means.objects.delete("box", "m1")
    endpoint = create(world)
    tend(world)
    assert 'from URL: "s3://box/m1"' in world.reread(endpoint).doc["FailureReason"]


def test_a_host_lost_on_its_way_up_is_tried_once_more(world: World) -> None:
    endpoint = create(world)
    tend(world)
    for number in (1, 2):
        assert world.reread(endpoint).doc["EndpointStatus"] == "Creating"
        del world.runtime.seen[uid(endpoint, number)]
        world.later()
        tend(world)
    assert world.reread(endpoint).doc["EndpointStatus"] == "Failed"


def test_an_update_brings_up_new_hosts_then_switches_then_retires_the_old(world: World) -> None:
    endpoint = bring_up(world)
    new = wanted(generation=2, model="m2")
    world.records.update(
        world.reread(endpoint), {"EndpointStatus": "Updating", "_Wanted": new}, due=world.clock.now()
    )
    tend(world)
    assert told(world, endpoint) == ["1"]
    be_ready(world, uid(endpoint, 2, generation=2))
    record = world.reread(endpoint)
    assert (record.doc["EndpointStatus"], record.doc["EndpointConfigName"]) == ("InService", "c2")
    assert told(world, endpoint) == ["2"]
    assert ("stop", uid(endpoint, 1)) not in world.runtime.calls
    world.later(LINGER)
    tend(world)
    assert ("stop", uid(endpoint, 1)) in world.runtime.calls
    world.runtime.seen[uid(endpoint, 1)] = Seen(phase="exited", exit_code=0)
    world.later()
    tend(world)
    assert list(world.runtime.seen) == [uid(endpoint, 2, generation=2)]


def test_an_update_that_fails_is_taken_back_while_the_old_hosts_serve(world: World) -> None:
    endpoint = bring_up(world)
    world.records.update(
        world.reread(endpoint),
        {"EndpointStatus": "Updating", "_Wanted": wanted(generation=2)},
        due=world.clock.now(),
    )
    tend(world)
    broken = Seen(phase="exited", exit_code=1, failure="AlgorithmError: no")
    world.runtime.seen[uid(endpoint, 2, generation=2)] = broken
    world.later()
    tend(world)
    doc = world.reread(endpoint).doc
    assert (doc["EndpointStatus"], doc["EndpointConfigName"]) == ("InService", "c1")
    assert doc["FailureReason"].startswith("The update was taken back: ")
    assert told(world, endpoint) == ["1"]
    assert list(world.runtime.seen) == [uid(endpoint, 1)]


def test_a_dead_host_is_no_longer_asked_and_is_replaced(world: World) -> None:
    endpoint = bring_up(world, count=2)
    world.later(timedelta(seconds=61))
    world.runtime.seen[uid(endpoint, 1)] = Seen(phase="exited", exit_code=137, signal=9)
    tend(world)
    record = world.reread(endpoint)
    assert (record.doc["EndpointStatus"], told(world, endpoint)) == ("InService", ["2"])
    assert record.doc["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    be_ready(world, uid(endpoint, 3))
    assert told(world, endpoint) == ["2", "3"]


def test_a_host_that_keeps_dying_is_replaced_ever_more_slowly(world: World) -> None:
    endpoint = bring_up(world)
    starts = []
    for number in range(1, 5):
        world.runtime.seen[uid(endpoint, number)] = Seen(phase="exited", exit_code=1)
        died = world.clock.now()
        while uid(endpoint, number + 1) not in world.runtime.seen:
            world.later(timedelta(milliseconds=500))
            tend(world)
        starts.append((world.clock.now() - died).total_seconds())
    assert starts[1] < starts[2] < starts[3] and starts[3] >= 2 * starts[1]


def test_other_weights_and_fewer_hosts_need_no_new_ones(world: World) -> None:
    endpoint = bring_up(world, count=2)
    changes = {"EndpointStatus": "Updating", "_Wanted": wanted(weight=3.0)}
    world.records.update(world.reread(endpoint), changes, due=world.clock.now())
    tend(world)
    doc = world.reread(endpoint).doc
    assert doc["EndpointStatus"] == "InService"
    assert [(host["Uid"][-2:], host["Weight"]) for host in doc["_Hosts"]] == [("-1", 3.0)]
    assert doc["ProductionVariants"][0]["DesiredInstanceCount"] == 1


def test_a_deleted_endpoint_leaves_neither_record_nor_run(world: World) -> None:
    endpoint = bring_up(world, count=2)
    changes = {"EndpointStatus": "Deleting", "_Hosts": []}
    world.records.update(world.reread(endpoint), changes, due=world.clock.now())
    tend(world)
    assert world.records.by_uid(endpoint.uid) is None
    assert world.runtime.seen == {}


def test_a_serving_endpoint_at_rest_is_not_written(world: World) -> None:
    endpoint = bring_up(world)
    before = world.reread(endpoint).version
    for _ in range(3):
        world.later(timedelta(seconds=3))
        tend(world)
    assert world.reread(endpoint).version == before


def several(world: World) -> tuple[Record, str, str]:
    """Make an endpoint of one host with two containers; return it and the containers' runs."""
    new = wanted()
    (variant,) = new["Variants"]
    containers = [{**variant["Container"], "ContainerHostname": name} for name in ("first", "second")]
    new["Variants"] = [{**variant, "Containers": containers, "Mode": "Serial"}]
    doc: Document = {"EndpointName": "several", "EndpointConfigName": "c1", "_Wanted": new}
    endpoint = world.records.create(ENDPOINT, doc, due=world.clock.now())
    tend(world)
    return endpoint, uid(endpoint, 1), f"{uid(endpoint, 1)}-2"


def test_a_host_of_several_containers_serves_once_all_of_them_answer(world: World) -> None:
    endpoint, first, second = several(world)
    assert sorted(world.runtime.specs) == [first, second]
    be_ready(world, first)
    assert world.reread(endpoint).doc["EndpointStatus"] == "Creating"
    be_ready(world, second)
    doc = world.reread(endpoint).doc
    assert doc["EndpointStatus"] == "InService"
    (host,) = doc["_Hosts"]
    assert host["Containers"] == [
        {"Hostname": "first", "Socket": f"/run/{first}"},
        {"Hostname": "second", "Socket": f"/run/{second}"},
    ]
    world.records.update(
        world.reread(endpoint), {"EndpointStatus": "Deleting", "_Hosts": []}, due=world.clock.now()
    )
    tend(world)
    assert world.runtime.seen == {}


def test_a_container_that_ends_takes_its_host_along_and_another_host_comes(world: World) -> None:
    endpoint, first, second = several(world)
    be_ready(world, first, second)
    world.later(timedelta(seconds=61))
    world.runtime.seen[second] = Seen(phase="exited", exit_code=1)
    tend(world)
    doc = world.reread(endpoint).doc
    assert (doc["EndpointStatus"], doc["_Hosts"]) == ("InService", [])
    assert sorted(world.runtime.seen) == [uid(endpoint, 2), f"{uid(endpoint, 2)}-2"]


def test_a_container_that_does_not_come_up_is_named(world: World) -> None:
    endpoint, first, second = several(world)
    world.runtime.seen[second] = Seen(phase="exited", exit_code=1, failure="AlgorithmError: no such module")
    be_ready(world, first)
    doc = world.reread(endpoint).doc
    assert doc["EndpointStatus"] == "Failed"
    assert doc["FailureReason"].startswith("The second container for production variant v did not pass")
    assert "no such module" in doc["FailureReason"]


def test_an_endpoint_tells_of_its_asynchronous_side_as_long_as_it_serves(world: World) -> None:
    config = {"OutputConfig": {"S3OutputPath": "s3://box/out"}}
    endpoint = bring_up(world)
    for generation, new in ((2, {**wanted(2), "AsyncInferenceConfig": config}), (3, wanted(3))):
        changes = {"EndpointStatus": "Updating", "_Wanted": new}
        before = world.reread(endpoint).doc.get("AsyncInferenceConfig")
        world.records.update(world.reread(endpoint), changes, due=world.clock.now())
        tend(world)
        assert world.reread(endpoint).doc.get("AsyncInferenceConfig") == before
        be_ready(world, uid(endpoint, generation, generation))
        assert world.reread(endpoint).doc.get("AsyncInferenceConfig") == new.get("AsyncInferenceConfig")


def test_a_host_on_its_way_out_is_not_stopped_over_a_call_that_somebody_waits_for(world: World) -> None:
    endpoint = bring_up(world)
    gateways = [Attendance(world.means.settings.home) for _ in range(2)]
    for gateway in gateways:
        gateway.attend({uid(endpoint, 1)})
    changes = {"EndpointStatus": "Updating", "_Wanted": wanted(2)}
    world.records.update(world.reread(endpoint), changes, due=world.clock.now())
    tend(world)
    be_ready(world, uid(endpoint, 2, generation=2))
    stop = ("stop", uid(endpoint, 1))
    for gateway in gateways:
        world.later(timedelta(minutes=5))
        tend(world)
        assert stop not in world.runtime.calls
        gateway.attend(set())
    world.later()
    tend(world)
    assert stop in world.runtime.calls
    world.runtime.seen[uid(endpoint, 1)] = Seen(phase="exited", exit_code=0)
    world.later()
    tend(world)
    assert list((world.means.settings.home.run / "attended").iterdir()) == []


def test_a_host_is_stopped_when_no_call_can_have_taken_so_long(world: World) -> None:
    endpoint = bring_up(world)
    gateway = Attendance(world.means.settings.home)
    gateway.attend({uid(endpoint, 1)})
    changes = {"EndpointStatus": "Updating", "_Wanted": wanted(2)}
    world.records.update(world.reread(endpoint), changes, due=world.clock.now())
    tend(world)
    be_ready(world, uid(endpoint, 2, generation=2))
    world.later(LINGER + timedelta(seconds=world.means.settings.limits.model_seconds))
    tend(world)
    assert ("stop", uid(endpoint, 1)) in world.runtime.calls
    gateway.attend(set())
