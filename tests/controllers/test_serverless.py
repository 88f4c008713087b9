"""Serverless endpoints over a real store: environments come with calls and go without them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.controllers.worlds import ROLE, World

from clary.controllers.inference.endpoint import LINGER
from clary.controllers.inference.endpoint_world import Endpoints
from clary.controllers.inference.serverless import Demand, fitted
from clary.core.document import Document
from clary.resources.inference.endpoint import ENDPOINT
from clary.runtime import occupancy
from clary.runtime.occupancy import Calls, Environment
from clary.runtime.spec import Seen

IDLE = timedelta(seconds=300)


def wanted(generation: int = 1, **config: int) -> Document:
    variant: Document = {
        "VariantName": "v",
        "Serverless": {"MemorySizeInMB": 1024, "MaxConcurrency": 8, **config},
        "Count": 0,
        "Weight": 1.0,
        "Container": {"Image": "image", "ModelDataUrl": "s3://box/m"},
        "Role": ROLE,
        "Isolated": False,
    }
    return {"Generation": generation, "EndpointConfigName": f"c{generation}", "Variants": [variant]}


class Serverless:
    """An endpoint, the calls that are made to it, and what its environments are said to do."""

    def __init__(self, world: World, **config: int) -> None:
        self.world = world
        self.world.means.objects.put("box", "m", b"archive")
        doc: Document = {"EndpointName": "e", "EndpointConfigName": "c1", "_Wanted": wanted(**config)}
        self.record = world.records.create(ENDPOINT, doc, due=world.clock.now())
        self.place = occupancy.folder(world.means.settings.home, self.record.uid)
        self.tend()

    def tend(self, later: timedelta = timedelta(0)) -> None:
        self.world.later(later)
        while self.world.tend([Endpoints(self.world.means)]):
            pass

    def ready(self) -> None:
        """Let every environment that was begun answer."""
        for uid, seen in self.world.runtime.seen.items():
            if seen.phase == "starting":
                socket = Path(f"/run/{uid}")
                self.world.runtime.seen[uid] = Seen(
                    phase="ready", started=self.world.clock.now(), socket=socket
                )
        self.tend(timedelta(seconds=1))

    def used(self, number: int, at: datetime) -> None:
        os.utime(self.place / self.uid(number), (at.timestamp(), at.timestamp()))

    def uid(self, number: int, generation: int = 1) -> str:
        return f"{self.record.uid}-{generation}-0-{number}"

    @property
    def doc(self) -> Document:
        return self.world.reread(self.record).doc

    def told(self) -> list[str]:
        return [host["Uid"].rpartition("-")[2] for host in self.doc["_Hosts"]]

    def runs(self) -> list[str]:
        return [uid.rpartition("-")[2] for uid in self.world.runtime.seen]

    @contextmanager
    def calls(self, count: int) -> Iterator[None]:
        with ExitStack() as stack:
            calls = Calls(self.place)
            stack.callback(calls.close)
            assert None not in [calls.take(8) for _ in range(count)]
            yield


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path)


def test_an_endpoint_is_in_service_once_an_environment_loaded_the_model(world: World) -> None:
    endpoint = Serverless(world)
    spec = world.runtime.specs[endpoint.uid(1)]
    assert spec.instance_type == "serverless.1024MB"
    assert spec.environment["SAGEMAKER_MODEL_SERVER_WORKERS"] == "1"
    assert endpoint.doc["EndpointStatus"] == "Creating"
    endpoint.ready()
    [told] = endpoint.doc["ProductionVariants"]
    assert endpoint.doc["EndpointStatus"] == "InService"
    assert told["CurrentServerlessConfig"] == {"MemorySizeInMB": 1024, "MaxConcurrency": 8}
    assert (told["CurrentInstanceCount"], "DesiredInstanceCount" in told) == (0, False)


def test_a_model_that_does_not_load_fails_the_endpoint_and_says_why(world: World) -> None:
    endpoint = Serverless(world)
    why = "AlgorithmError: The server exited with code 1: KeyError: 'x'"
    started = world.clock.now()
    world.runtime.seen[endpoint.uid(1)] = Seen(phase="exited", exit_code=1, failure=why, started=started)
    endpoint.tend(timedelta(seconds=1))
    assert endpoint.doc["EndpointStatus"] == "Failed"
    assert "KeyError: 'x'" in endpoint.doc["FailureReason"]


def test_an_idle_environment_goes_and_a_call_brings_another(world: World) -> None:
    endpoint = Serverless(world)
    endpoint.ready()
    endpoint.used(1, world.clock.now())
    endpoint.tend(IDLE - timedelta(seconds=1))
    assert endpoint.told() == ["1"]
    endpoint.tend(timedelta(seconds=2))
    assert endpoint.told() == []
    assert occupancy.last_used(endpoint.place, endpoint.uid(1)) is None
    endpoint.tend(LINGER)
    assert ("stop", endpoint.uid(1)) in world.runtime.calls
    world.runtime.seen[endpoint.uid(1)] = Seen(phase="exited", exit_code=0)
    endpoint.tend(timedelta(seconds=1))
    assert endpoint.runs() == []
    endpoint.tend(timedelta(seconds=10))
    assert (endpoint.runs(), endpoint.doc["EndpointStatus"]) == ([], "InService")
    with endpoint.calls(1):
        endpoint.tend(timedelta(seconds=2))
        assert endpoint.runs() == ["2"]
        endpoint.ready()
        assert endpoint.told() == ["2"]


def test_an_environment_that_is_being_called_is_not_taken_away(world: World) -> None:
    endpoint = Serverless(world)
    endpoint.ready()
    environment = Environment(endpoint.place, endpoint.uid(1))
    assert environment.take()
    with endpoint.calls(1):
        endpoint.tend(2 * IDLE)
        assert endpoint.told() == ["1"]
    environment.leave(world.clock.now().timestamp())
    endpoint.tend(IDLE)
    endpoint.tend(timedelta(seconds=2))
    assert endpoint.told() == []


def test_there_are_as_many_environments_as_calls_and_as_the_machine_bears(world: World) -> None:
    demand = Demand(calls=8, most=3)
    endpoint = Serverless(world)
    endpoint.ready()
    count = fitted(endpoint.doc, demand)["_Wanted"]["Variants"][0]["Count"]
    assert count == 3
    with endpoint.calls(2):
        endpoint.tend(timedelta(seconds=2))
        assert endpoint.runs() == ["1", "2"]
        endpoint.ready()
    endpoint.used(1, world.clock.now() + timedelta(seconds=10))
    endpoint.tend(IDLE)  # the second was never used
    assert endpoint.told() == ["1"]


def test_provisioned_environments_stay_and_their_number_changes_in_place(world: World) -> None:
    endpoint = Serverless(world, ProvisionedConcurrency=2)
    assert endpoint.doc["EndpointStatus"] == "Creating"
    endpoint.ready()
    assert endpoint.told() == ["1", "2"]
    endpoint.tend(3 * IDLE)
    assert endpoint.told() == ["1", "2"]
    new = wanted(ProvisionedConcurrency=1)
    world.records.update(
        world.reread(endpoint.record), {"EndpointStatus": "Updating", "_Wanted": new}, due=world.clock.now()
    )
    endpoint.tend()
    assert endpoint.told() == ["1"]
    [told] = endpoint.doc["ProductionVariants"]
    assert told["CurrentServerlessConfig"]["ProvisionedConcurrency"] == 1


def test_a_dead_environment_comes_back_when_somebody_calls_and_at_once(world: World) -> None:
    endpoint = Serverless(world)
    endpoint.ready()
    for number in range(1, 4):
        del world.runtime.seen[endpoint.uid(number)]
        endpoint.tend(timedelta(seconds=2))
        assert endpoint.runs() == []
        with endpoint.calls(1):
            endpoint.tend(timedelta(seconds=2))
            assert endpoint.runs() == [str(number + 1)]
            endpoint.ready()


def test_callers_hear_why_an_environment_did_not_come_up(world: World) -> None:
    endpoint = Serverless(world)
    endpoint.ready()
    endpoint.tend(IDLE)
    with endpoint.calls(1):
        endpoint.tend(timedelta(seconds=2))
        now = world.clock.now()
        why = "AlgorithmError: The server exited with code 1: MemoryError"
        world.runtime.seen[endpoint.uid(2)] = Seen(phase="exited", exit_code=1, failure=why, started=now)
        endpoint.tend(timedelta(seconds=1))
    assert "MemoryError" in endpoint.doc["_Setback"]["Why"]
    assert endpoint.doc["_Setback"]["At"] > now
    assert endpoint.doc["EndpointStatus"] == "InService"


def test_a_closed_environment_whose_closer_died_is_let_go(world: World) -> None:
    endpoint = Serverless(world)
    endpoint.ready()
    assert occupancy.close_place(endpoint.place, endpoint.uid(1))
    endpoint.tend(timedelta(seconds=2))
    assert endpoint.told() == []


def test_an_update_is_proven_by_an_environment_of_its_own_and_calls_do_not_wait_for_it(world: World) -> None:
    endpoint = Serverless(world)
    endpoint.ready()
    new = wanted(2)
    world.records.update(
        world.reread(endpoint.record), {"EndpointStatus": "Updating", "_Wanted": new}, due=world.clock.now()
    )
    endpoint.tend()
    assert (endpoint.told(), endpoint.doc["EndpointStatus"]) == (["1"], "Updating")
    del world.runtime.seen[endpoint.uid(1)]
    with endpoint.calls(1):
        endpoint.tend(timedelta(seconds=2))
        assert endpoint.runs() == ["2", "3"]  # the new one is still on its way, so an old one comes first
        old = endpoint.uid(3)
        world.runtime.seen[old] = Seen(phase="ready", started=world.clock.now(), socket=Path("/run/old"))
        endpoint.tend(timedelta(seconds=1))
        assert endpoint.told() == ["3"]
    endpoint.ready()
    assert (endpoint.told(), endpoint.doc["EndpointStatus"]) == (["2"], "InService")
    endpoint.tend(LINGER)
    assert ("stop", old) in world.runtime.calls


def test_an_old_environment_finishes_its_call_however_long_it_takes(world: World) -> None:
    endpoint = Serverless(world)
    endpoint.ready()
    environment = Environment(endpoint.place, endpoint.uid(1))
    assert environment.take()
    world.records.update(
        world.reread(endpoint.record),
        {"EndpointStatus": "Updating", "_Wanted": wanted(2)},
        due=world.clock.now(),
    )
    endpoint.tend()
    endpoint.ready()
    assert endpoint.told() == ["2"]
    endpoint.tend(100 * LINGER)
    assert ("stop", endpoint.uid(1)) not in world.runtime.calls
    environment.leave(datetime.now(UTC).timestamp())
    endpoint.tend(timedelta(seconds=2))
    assert ("stop", endpoint.uid(1)) in world.runtime.calls


def test_nothing_is_left_of_a_deleted_endpoint(world: World) -> None:
    endpoint = Serverless(world)
    endpoint.ready()
    assert endpoint.place.exists()
    changes: Document = {"EndpointStatus": "Deleting", "_Hosts": []}
    world.records.update(world.reread(endpoint.record), changes, due=world.clock.now())
    endpoint.tend()
    assert (endpoint.place.exists(), world.records.by_uid(endpoint.record.uid)) == (False, None)
