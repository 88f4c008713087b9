"""Environments of a function: as many as calls, gone when idle, replaced by an update's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.controllers.worlds import ROLE, World

from clary.controllers.awslambda.environments import QUIET
from clary.controllers.awslambda.environments_world import LambdaEnvironments
from clary.controllers.step import Step
from clary.core.document import Document
from clary.resources.awslambda.environments import LAMBDA_ENVIRONMENTS
from clary.resources.awslambda.invocation import LAMBDA_INVOCATION
from clary.runtime import occupancy
from clary.runtime.occupancy import Calls, Environment
from clary.runtime.spec import Seen
from clary.store.records import Record

IDLE = timedelta(seconds=300)
WANTED: Document = {
    "Code": "c.zip",
    "Handler": "app.handler",
    "Runtime": "python3.12",
    "Role": ROLE,
    "MemorySize": 512,
    "Timeout": 3,
    "Variables": {"A": "b"},
    "Generation": 1,
    "MaxConcurrency": 1000,
}


class Function:
    """A function's environments, the calls that are made, and what runs are said to do."""

    def __init__(self, world: World) -> None:
        self.world = world
        folder = world.means.settings.home.functions / "place"
        folder.mkdir(parents=True)
        (folder / "c.zip").write_bytes(b"zip")
        doc: Document = {"EnvironmentsId": "place", "FunctionName": "f", "_Wanted": WANTED}
        self.uid = world.records.create(LAMBDA_ENVIRONMENTS, doc, due=world.clock.now()).uid
        self.place = occupancy.folder(world.means.settings.home, self.uid)
        self.tend()

    def tend(self, later: timedelta = timedelta(0)) -> None:
        """Let the controller look as long as there is something to do at once."""
        self.world.later(later)
        while self.world.tend([LambdaEnvironments(self.world.means)]):
            pass

    def ready(self) -> None:
        """Let every environment that was begun answer."""
        seen = self.world.runtime.seen
        for uid in [uid for uid, each in seen.items() if each.phase == "starting"]:
            seen[uid] = replace(seen[uid], phase="ready", socket=Path(f"/run/{uid}"))
        self.tend(timedelta(seconds=1))

    @contextmanager
    def called(self, count: int) -> Iterator[None]:
        """Be so many calls that are under way."""
        with ExitStack() as stack:
            calls = Calls(self.place)
            stack.callback(calls.close)
            for _ in range(count):
                calls.take(1000)
            self.tend(QUIET)
            yield

    @property
    def record(self) -> Record:
        found = self.world.records.by_uid(self.uid)
        assert found is not None
        return found

    def hosts(self) -> list[str]:
        return [each["Uid"] for each in self.record.doc.get("_Hosts", [])]

    def stopped(self) -> list[str]:
        return [each["Uid"] for each in self.record.doc["_Fleet"] if "Stopped" in each]


@pytest.fixture
def function(tmp_path: Path) -> Function:
    return Function(World.make(tmp_path))


def test_environments_come_with_calls(function: Function) -> None:
    assert not function.hosts()
    with function.called(2):
        function.ready()
        assert len(function.hosts()) == 2
    spec = next(iter(function.world.runtime.specs.values()))
    assert spec.image == "lambda-python"
    assert '"handler": "app.handler"' in spec.files["function.json"]
    assert spec.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"].startswith("http://127.0.0.1:9/_clary/")


def test_one_that_nobody_calls_goes(function: Function) -> None:
    with function.called(1):
        function.ready()
    [uid] = function.hosts()
    function.tend(IDLE / 2)
    assert function.hosts() == [uid]
    function.tend(IDLE)
    assert not function.hosts()
    assert function.stopped() == [uid]


def test_one_that_is_called_stays(function: Function) -> None:
    with function.called(1):
        function.ready()
        [uid] = function.hosts()
        mine = Environment(function.place, uid)
        assert mine.take()
    function.tend(2 * IDLE)
    assert function.hosts() == [uid]
    mine.leave(function.world.clock.now().timestamp())
    mine.close()


def test_one_that_a_killed_caller_left_at_work_stays(function: Function) -> None:
    with function.called(1):
        function.ready()
    [uid] = function.hosts()
    doc: Document = {"InvocationId": "t", "Status": "InProgress", "_Environment": uid}
    record = function.world.records.create(LAMBDA_INVOCATION, doc)
    function.tend(2 * IDLE)
    assert function.hosts() == [uid]
    function.world.records.update(record, {"Status": "Succeeded"})
    function.tend(IDLE)
    assert not function.hosts()


def test_an_update_is_called_from_then_on_and_the_old_ones_go(function: Function) -> None:
    with function.called(1):
        function.ready()
        [old] = function.hosts()
        wanted = {**WANTED, "Generation": 2}
        function.world.records.update(
            function.record, {"_Wanted": wanted, "_Hosts": []}, due=function.world.clock.now()
        )
        function.tend()
        function.ready()
        [new] = function.hosts()
        assert new != old
        assert function.stopped() == [old]


class Updated(LambdaEnvironments):
    """A controller that is overtaken by an update while it starts an environment."""

    def act(self, record: Record, step: Step) -> Document:
        """Start it, and be overtaken."""
        done = super().act(record, step)
        if step.effect == "start":
            wanted = {**WANTED, "Generation": 2, "Handler": "new.handler"}
            self._means.records.update(record, {"_Wanted": wanted, "_Hosts": []}, due=record.created)
        return done


def test_an_update_during_a_start_is_not_served_by_what_was_started(function: Function) -> None:
    world = function.world
    calls = Calls(function.place)
    calls.take(1000)
    world.later(QUIET)
    world.tend([Updated(world.means)])
    function.tend(timedelta(minutes=2))
    calls.close()
    [host] = function.record.doc["_Fleet"]
    told = json.loads(str(world.runtime.specs[host["Uid"]].files["function.json"]))
    assert (host["Generation"], told["handler"]) == (2, "new.handler")


def test_one_that_does_not_start_is_told_to_those_who_wait(function: Function) -> None:
    with function.called(1):
        [uid] = [each["Uid"] for each in function.record.doc["_Fleet"]]
        function.world.runtime.seen[uid] = Seen(phase="exited", exit_code=1, failure="No image.")
        function.world.later(timedelta(seconds=1))
        function.world.tend([LambdaEnvironments(function.world.means)])
        assert function.record.doc["_Setback"]["Why"] == "No image."


def test_nothing_is_left_of_a_function_that_is_gone(function: Function) -> None:
    with function.called(1):
        function.ready()
    [uid] = function.hosts()
    function.world.records.update(
        function.record, {"_Gone": True, "_Hosts": []}, due=function.world.clock.now()
    )
    function.tend()
    assert function.stopped() == [uid]
    function.world.runtime.seen[uid] = Seen(phase="exited")
    for _ in range(5):
        function.tend(timedelta(seconds=1))
    assert function.world.records.by_uid(function.uid) is None
    assert not function.place.exists()
    assert not (function.world.means.settings.home.functions / "place").exists()
