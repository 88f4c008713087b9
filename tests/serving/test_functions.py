"""Calls to functions through a gateway: environments that answer, are busy, are lost, or never come."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from tests.conformance.awslambda.functions import create, role_for_functions
from tests.serving.test_router import Model, code_of, ok
from tests.serving.test_serverless import until_taken

from clary.core.document import Document
from clary.resources.awslambda.environments import LAMBDA_ENVIRONMENTS
from clary.resources.awslambda.invocation import LAMBDA_INVOCATION
from clary.runtime import occupancy
from clary.serving.awslambda.durable import Durable, Told
from clary.serving.awslambda.functions import Functions
from clary.serving.awslambda.measures import Reporting
from clary.store.changes import Changes, Glance

if TYPE_CHECKING:
    from tests.conftest import Server

BUSY = b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n"
Say = Callable[[str, dict[str, str], bytes], bytes]


class Function:
    """A function whose environments a test brings."""

    def __init__(self, server: Server, role: str, folder: Path) -> None:
        self._folder, self.client = folder, server.client("lambda")
        self.name = create(self.client, role)
        self._records = server.stores.records.scoped("000000000000", "us-east-1")
        [self._uid] = [
            each.uid
            for each in self._records.each(LAMBDA_ENVIRONMENTS)
            if each.doc["FunctionName"] == self.name
        ]
        self.place = occupancy.folder(server.home, self._uid)
        self.models: list[Model] = []

    def have(self, *answers: Say) -> None:
        """Have environments that answer so."""
        for number, answer in enumerate(answers, len(self.models)):
            self.models.append(Model(self._folder / f"{self._uid}-{number}", answer))
            occupancy.open_place(self.place, self.models[-1].path.name)
        hosts = [{"Uid": model.path.name, "Socket": str(model.path)} for model in self.models]
        self.write(_Hosts=hosts)

    def asked(self) -> Document:
        """Return what an event's record says of whom it is for."""
        arn = f"arn:aws:lambda:us-east-1:000000000000:function:{self.name}"
        return {
            "Environments": self._uid, "Function": self.name, "Arn": arn, "Request": "r", "ClientContext": "",
        }  # fmt: skip

    def write(self, **changes: object) -> None:
        record = self._records.by_uid(self._uid)
        assert record is not None
        self._records.update(record, changes)

    def call(self, event: object = None, **options: Any) -> Any:
        return self.client.invoke(FunctionName=self.name, Payload=json.dumps(event), **options)


@pytest.fixture(scope="module")
def role(server: Server) -> str:
    return role_for_functions(server.client("iam"))


@pytest.fixture
def function(server: Server, role: str, tmp_path: Path) -> Iterator[Function]:
    made = Function(server, role, tmp_path)
    yield made
    for model in made.models:
        model.close()


def test_an_event_goes_there_and_the_answer_comes_back(function: Function) -> None:
    seen: list[dict[str, str]] = []

    def answer(_line: str, headers: dict[str, str], body: bytes) -> bytes:
        seen.append(headers)
        return ok(body, f"X-Lambda-Log: {base64.b64encode(b'a line').decode()}")

    function.have(answer)
    told = function.call({"a": 1}, LogType="Tail", ClientContext=base64.b64encode(b"{}").decode())
    assert json.loads(told["Payload"].read()) == {"a": 1}
    assert base64.b64decode(told["LogResult"]) == b"a line"
    assert "FunctionError" not in told
    [headers] = seen
    assert headers["x-lambda-function-arn"].endswith(f":function:{function.name}")
    assert headers["x-lambda-request-id"] == told["ResponseMetadata"]["RequestId"]
    assert base64.b64decode(headers["x-lambda-client-context"]) == b"{}"
    assert "LogResult" not in function.call({"a": 1})


def test_an_error_is_an_answer(function: Function) -> None:
    function.have(lambda *_: ok(b'{"errorMessage": "no"}', "X-Lambda-Function-Error: Unhandled"))
    told = function.call()
    assert (told["StatusCode"], told["FunctionError"]) == (200, "Unhandled")
    assert json.loads(told["Payload"].read()) == {"errorMessage": "no"}


def test_one_that_is_busy_is_left_alone(function: Function) -> None:
    function.have(lambda *_: BUSY, lambda *_: ok(b"2"))
    assert function.call()["Payload"].read() == b"2"


def test_one_that_goes_away_with_the_event_is_told(function: Function) -> None:
    function.have(lambda *_: b"")
    with pytest.raises(ClientError, match="was lost") as told:
        function.call()
    assert code_of(told) == "ServiceException"


def test_a_call_waits_for_the_first_one(function: Function) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(function.call)
        until_taken(function.place, 1)
        function.have(lambda *_: ok(b"1"))
        assert waiting.result()["Payload"].read() == b"1"


def test_who_waits_is_told_why_none_comes(server: Server, function: Function) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(function.call)
        until_taken(function.place, 1)
        function.write(_Setback={"At": server.parts.clock.now(), "Why": "There is no such image."})
        with pytest.raises(ClientError, match="There is no such image") as told:
            waiting.result()
    assert code_of(told) == "ServiceException"


def test_who_waits_is_told_that_the_function_was_deleted(function: Function) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(function.call)
        until_taken(function.place, 1)
        function.client.delete_function(FunctionName=function.name)
        with pytest.raises(ClientError, match="Function not found") as told:
            waiting.result()
    assert code_of(told) == "ResourceNotFoundException"


@contextmanager
def at_work(server: Server, bell: Path) -> Iterator[Durable]:
    """Have a driver of events; nobody hears its bell, so that a test looks itself."""
    stores, clock = server.stores, server.parts.clock
    functions = Functions(stores.records, Glance(Changes(stores.database)), clock, server.home)
    made = Durable(functions, Reporting(functions.measures, stores.metrics, clock, None), bell)
    stop = threading.Event()
    thread = threading.Thread(target=made.run, args=(stop,))
    thread.start()
    yield made
    stop.set()
    thread.join()


def until_told(durable: Durable, uid: str, state: str) -> Told:
    end = time.monotonic() + 90
    while (told := durable.told(uid)) is None or told.state != state:
        assert time.monotonic() < end, told
        time.sleep(0.005)
    return told


def test_events_wait_in_line_for_what_the_function_may_have_when_they_are_run(
    server: Server, function: Function, tmp_path: Path
) -> None:
    with at_work(server, tmp_path / "bell") as durable:
        run_in_line(function, durable)


def run_in_line(function: Function, durable: Durable) -> None:
    client, name = function.client, function.name
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    function.have(lambda *_: ok(b"1"), lambda *_: ok(b"2"))
    events = [f"event-{number}-{name}" for number in range(3)]
    for uid in events:
        durable.reserve(uid, function.asked(), "{}")
    assert {durable.told(uid) for uid in events} == {Told(state="waiting")}
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=2)
    for uid in events[:2]:
        until_told(durable, uid, "reserved")
    assert durable.told(events[2]) == Told(state="waiting")
    durable.ask(events[0], function.asked(), "{}", "key")
    until_told(durable, events[0], "answered")
    until_told(durable, events[2], "reserved")
    for uid in events:
        durable.forget(uid)


def test_events_that_a_killed_process_waited_for_are_looked_at_at_once(
    server: Server, tmp_path: Path
) -> None:
    records, clock = server.stores.records.scoped("000000000000", "us-east-1"), server.parts.clock
    doc: Document = {"InvocationId": uuid4().hex, "Status": "InProgress", "_Environment": "e"}
    record = records.create(LAMBDA_INVOCATION, doc, due=clock.now() + timedelta(days=1))
    assert record.uid in [each.uid for each in records.in_status(LAMBDA_INVOCATION, "InProgress")]
    with at_work(server, tmp_path / "bell"):
        end = time.monotonic() + 90
        while (found := records.by_uid(record.uid)) and found.due and found.due > clock.now():
            assert time.monotonic() < end
            time.sleep(0.005)
    assert found is not None and found.version == record.version
    records.delete(found)
