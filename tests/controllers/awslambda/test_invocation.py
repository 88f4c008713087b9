"""Durable invocations: decided one look after another, whatever became of the process in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.controllers.worlds import World

from clary.controllers.awslambda.invocation import (
    KEPT,
    LOST,
    OLDEST,
    PAUSES,
    POLL,
    RAREST,
    next_step,
)
from clary.controllers.awslambda.invocation_world import LambdaInvocations
from clary.core.document import Document
from clary.resources.awslambda.invocation import LAMBDA_INVOCATION
from clary.serving.awslambda.durable import Told
from clary.store.records import Record

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def invocation(**doc: object) -> Record:
    given: Document = {"InvocationId": "t", "Status": "Pending", "CreationTime": NOW, "_Retries": 2, **doc}
    return Record(
        uid="u" * 32,
        service="lambda",
        kind="LambdaInvocation",
        account="000000000000",
        region="us-east-1",
        key="t",
        name="t",
        arn="",
        version=1,
        status=str(given["Status"]),
        status_since=NOW,
        created=NOW,
        modified=NOW,
        due=NOW,
        doc=given,
    )


def test_an_environment_is_written_down_before_it_is_asked() -> None:
    asked = next_step(invocation(), None, NOW)
    assert (asked.effect, asked.write) == ("reserve", {})
    had = next_step(invocation(), Told(state="reserved", environment="e-1"), NOW)
    assert (had.effect, had.write) == ("none", {"Status": "InProgress", "_Environment": "e-1"})
    under_way = invocation(Status="InProgress", _Environment="e-1")
    assert next_step(under_way, Told(state="reserved", environment="e-1"), NOW).effect == "ask"
    assert next_step(under_way, Told(state="asked"), NOW).effect == "none"


def test_whoever_takes_over_asks_the_same_environment() -> None:
    assert next_step(invocation(Status="InProgress", _Environment="e-1"), None, NOW).effect == "resume"


def test_an_answer_is_written_and_told_to_who_waits() -> None:
    under_way = invocation(Status="InProgress", _Environment="e-1", _Parent="p")
    step = next_step(under_way, Told(state="answered", answer='{"a": 1}'), NOW)
    assert step.write == {"Status": "Succeeded", "_Answer": '{"a": 1}', "_Ended": NOW}
    assert (step.wake, step.effect, step.remove) == ("p", "forget", ("_Payload",))
    done = invocation(Status="Succeeded", _Ended=NOW)
    assert next_step(done, None, NOW + timedelta(minutes=1)).again == KEPT - timedelta(minutes=1)
    assert next_step(done, None, NOW + KEPT).delete


def test_an_error_is_tried_again_twice_unless_somebody_decides_that() -> None:
    failed = Told(state="answered", failed=True, answer='{"errorMessage": "no"}')
    for attempts, pause in enumerate(PAUSES):
        record = invocation(Status="InProgress", _Environment="e", _Attempts=attempts)
        step = next_step(record, failed, NOW)
        assert step.write["Status"] == "Pending"
        assert (step.write["_Attempts"], step.write["_NotBefore"]) == (attempts + 1, NOW + pause)
        assert step.remove == ("_Environment",)
        waiting = invocation(_NotBefore=NOW + pause)
        assert next_step(waiting, None, NOW).again == pause
        assert next_step(waiting, None, NOW + pause).effect == "reserve"
    last = next_step(invocation(Status="InProgress", _Environment="e", _Attempts=2), failed, NOW)
    told = next_step(invocation(Status="InProgress", _Environment="e", _Retries=0), failed, NOW)
    for step in (last, told):
        assert (step.write["Status"], step.write["_Answer"]) == ("Failed", failed.answer)
        assert "no" in step.write["FailureReason"]


def test_a_lost_environment_is_replaced_a_few_times() -> None:
    lost = Told(state="lost", why="It was lost.")
    step = next_step(invocation(Status="InProgress", _Environment="e"), lost, NOW)
    assert step.write == {"Status": "Pending", "_Losses": 1}
    step = next_step(invocation(Status="InProgress", _Environment="e", _Losses=LOST - 1), lost, NOW)
    assert (step.write["Status"], step.write["FailureReason"]) == ("Failed", "It was lost.")


def test_what_was_not_taken_in_goes_elsewhere() -> None:
    step = next_step(invocation(Status="InProgress", _Environment="e"), Told(state="unsent"), NOW)
    assert (step.write, step.remove) == ({"Status": "Pending"}, ("_Environment",))


@pytest.mark.parametrize("told", [None, Told(state="waiting")])
def test_an_event_is_given_up_in_the_end(told: Told | None) -> None:
    step = next_step(invocation(), told, NOW + OLDEST + timedelta(seconds=1))
    assert step.write["Status"] == "Failed"


class Driver:
    """A driver that does as it is told, one thing a look; `asked` are the keys that environments saw."""

    def __init__(self) -> None:
        self.standing: dict[str, Told] = {}
        self.asked: list[tuple[str, str]] = []

    def told(self, uid: str) -> Told | None:
        return self.standing.get(uid)

    def reserve(self, uid: str, asked: Document, payload: str) -> None:
        self.standing[uid] = Told(state="reserved", environment="e-1")

    def ask(self, uid: str, asked: Document, payload: str, key: str) -> None:
        self.asked.append((self.standing[uid].environment, key))
        self.standing[uid] = Told(state="asked")

    def resume(self, uid: str, asked: Document, payload: str, key: str, environment: str) -> None:
        self.asked.append((environment, key))
        self.standing[uid] = Told(state="answered", answer="7")

    def forget(self, uid: str) -> None:
        self.standing.pop(uid, None)


@pytest.mark.parametrize("status", ["Pending", "InProgress"])
def test_who_waits_for_long_is_looked_at_less_and_less(status: str) -> None:
    record, told = invocation(Status=status, _Environment="e"), Told(state="waiting")
    passed = [timedelta(seconds=seconds) for seconds in (0, 10, 600)]
    looks = [next_step(record, told, NOW + each).again for each in passed]
    assert looks == [POLL, timedelta(seconds=5), RAREST]


def test_one_attempt_has_one_key_across_processes(tmp_path: Path) -> None:
    world, first, second = World.make(tmp_path), Driver(), Driver()
    doc: Document = {"InvocationId": "t", "_Asked": {}, "_Payload": "{}", "_Retries": 2}
    record = world.records.create(LAMBDA_INVOCATION, doc, due=world.clock.now())
    for _ in range(4):
        world.tend([LambdaInvocations(first)])
        world.later(timedelta(seconds=1))
    for _ in range(3):  # the first process was killed
        world.tend([LambdaInvocations(second)])
        world.later(timedelta(seconds=1))
    found = world.records.by_uid(record.uid)
    assert found is not None
    assert (found.status, found.doc["_Answer"]) == ("Succeeded", "7")
    assert first.asked == second.asked
