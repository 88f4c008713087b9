"""Calls to serverless endpoints over HTTP: one an environment, waiting, throttled, and what they cost."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.serving.test_router import Model, code_of, ok

from clary.core.document import Document
from clary.core.limits import LIFTED, STRICT, Limits
from clary.resources.inference.endpoint import ENDPOINT
from clary.runtime import occupancy
from clary.serving.bills import Bill, Book, measured, points
from clary.serving.connection import Host
from clary.serving.endpoints import Choice, Endpoint, Plan, Variant
from clary.serving.invocation import Invocation
from clary.serving.refusal import ModelError, Refused
from clary.serving.serverless import Serverless as Serving
from clary.serving.serverless import Throttled
from clary.serving.tally import Tally
from clary.store.changes import Changes, Glance
from clary.store.records import Record, Records

if TYPE_CHECKING:
    from tests.conftest import Server

CONFIG = {"MemorySizeInMB": 2048, "MaxConcurrency": 3}


class Gate:
    """A model that answers with its name, once it is let; `most` is how many calls it ever had at once."""

    def __init__(self, path: Path) -> None:
        self.open, self.asked = threading.Event(), threading.Semaphore(0)
        self.most = self._now = 0
        self._name, self._lock = path.stem, threading.Lock()
        self.model = Model(path, self._answer)

    def _answer(self, _line: str, _headers: dict[str, str], _body: bytes) -> bytes:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self.asked.release()
        assert self.open.wait(90)
        with self._lock:
            self._now -= 1
        return ok(self._name.encode())


class Serverless:
    """An endpoint whose environments a test brings and takes."""

    def __init__(self, records: Records, home: Any, name: str, **config: int) -> None:
        self._records = records.scoped("000000000000", "us-east-1")
        variant: Document = {"VariantName": "v", "Serverless": {**CONFIG, **config}, "Role": "r"}
        doc: Document = {"EndpointName": name, "EndpointConfigName": "c", "EndpointStatus": "InService"}
        serving = {"Generation": 1, "Variants": [variant]}
        self.record: Record = self._records.create(ENDPOINT, {**doc, "_Hosts": [], "_Serving": serving})
        self.place = occupancy.folder(home, self.record.uid)

    def have(self, *sockets: Path, **changes: object) -> None:
        """Have environments at these sockets."""
        for path in sockets:
            occupancy.open_place(self.place, path.stem)
        self.write(
            _Hosts=[
                {"Variant": "v", "Weight": 1.0, "Socket": str(path), "Uid": path.stem} for path in sockets
            ],
            **changes,
        )

    def write(self, **changes: object) -> None:
        record = self._records.by_uid(self.record.uid)
        assert record is not None
        self._records.update(record, changes)

    def delete(self) -> None:
        record = self._records.by_uid(self.record.uid)
        assert record is not None
        self._records.delete(record)
        occupancy.forget_all(self.place)


Made = Callable[..., Serverless]


@pytest.fixture
def make(server: Server) -> Iterator[Made]:
    made: list[Serverless] = []

    def build(name: str, **config: int) -> Serverless:
        made.append(Serverless(server.stores.records, server.home, name, **config))
        return made[-1]

    yield build
    for each in made:
        each.delete()


@pytest.fixture
def gates(tmp_path: Path) -> Iterator[list[Gate]]:
    made = [Gate(tmp_path / f"{name}.sock") for name in ("one", "two")]
    yield made
    for gate in made:
        gate.open.set()
        gate.model.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as made:
        yield made


def runtime(server: Server, attempts: int = 1) -> Any:
    retries = {"total_max_attempts": attempts, "mode": "standard"}
    return server.client("sagemaker-runtime", config={"retries": retries, "max_pool_connections": 16})


def ask(client: Any, name: str) -> str:
    return str(client.invoke_endpoint(EndpointName=name, Body=b"x")["Body"].read().decode())


def until_taken(place: Path, count: int) -> None:
    """Wait until so many calls are under way."""
    pause = threading.Event()
    while occupancy.calls(place, 200) != count:
        pause.wait(0.005)


def test_one_environment_has_one_call_at_a_time(
    server: Server, make: Made, gates: list[Gate], pool: ThreadPoolExecutor
) -> None:
    endpoint, [one, _], client = make("one-call"), gates, runtime(server)
    endpoint.have(one.model.path)
    calls = [pool.submit(ask, client, "one-call") for _ in range(3)]
    until_taken(endpoint.place, 3)
    one.open.set()
    assert [call.result() for call in calls] == ["one"] * 3
    assert one.most == 1
    assert occupancy.calls(endpoint.place, 200) == 0
    assert not occupancy.in_use(endpoint.place, "one")
    last_used = occupancy.last_used(endpoint.place, "one")
    assert last_used
    assert last_used > 0


def test_one_call_too_many_is_throttled_and_sdks_try_again(
    server: Server, make: Made, gates: list[Gate], pool: ThreadPoolExecutor
) -> None:
    endpoint, [one, _] = make("full"), gates
    endpoint.have(one.model.path)
    calls = [pool.submit(ask, runtime(server), "full") for _ in range(3)]
    until_taken(endpoint.place, 3)
    with pytest.raises(ClientError, match="3 calls of endpoint full are under way") as refused:
        ask(runtime(server), "full")
    answer: dict[str, Any] = dict(refused.value.response)
    assert code_of(refused) == "ThrottlingException"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    patient = pool.submit(ask, runtime(server, attempts=8), "full")
    one.open.set()
    assert {call.result() for call in [*calls, patient]} == {"one"}


def test_a_call_waits_for_the_first_environment(
    server: Server, make: Made, gates: list[Gate], pool: ThreadPoolExecutor
) -> None:
    endpoint, [one, two] = make("cold"), gates
    one.open.set()
    two.open.set()
    calls: list[Future[str]] = [pool.submit(ask, runtime(server), "cold") for _ in range(2)]
    until_taken(endpoint.place, 2)
    endpoint.have(one.model.path, two.model.path)
    assert {call.result() for call in calls} <= {"one", "two"}


def test_an_environment_that_is_closed_is_not_called(
    server: Server, make: Made, gates: list[Gate], pool: ThreadPoolExecutor
) -> None:
    endpoint, [one, two] = make("closed"), gates
    one.open.set()
    two.open.set()
    endpoint.have(one.model.path)
    assert ask(runtime(server), "closed") == "one"
    assert occupancy.close_place(endpoint.place, "one")
    call = pool.submit(ask, runtime(server), "closed")  # `_Hosts` still has it
    until_taken(endpoint.place, 1)
    endpoint.have(two.model.path)
    assert call.result() == "two"


def test_a_dead_environment_is_passed_over(
    server: Server, make: Made, gates: list[Gate], pool: ThreadPoolExecutor, tmp_path: Path
) -> None:
    endpoint, [_, two] = make("dead"), gates
    two.open.set()
    dead = Model(tmp_path / "dead.sock", lambda *_: ok(b"dead"))
    endpoint.have(dead.path)
    assert ask(runtime(server), "dead") == "dead"
    dead.close()
    call = pool.submit(ask, runtime(server), "dead")
    until_taken(endpoint.place, 1)
    endpoint.have(two.model.path)
    assert call.result() == "two"


def test_callers_hear_why_no_environment_came_up(
    server: Server, make: Made, pool: ThreadPoolExecutor
) -> None:
    endpoint = make("failing-to-load")
    call = pool.submit(ask, runtime(server), "failing-to-load")
    until_taken(endpoint.place, 1)
    at = server.parts.clock.now() + timedelta(seconds=1)
    endpoint.write(_Setback={"At": at, "Why": "The primary container said KeyError: 'x'"})
    with pytest.raises(ClientError, match="KeyError: 'x'") as refused:
        call.result()
    assert code_of(refused) == "ModelError"
    assert dict(refused.value.response)["OriginalStatusCode"] == 500


def test_a_call_that_waits_goes_on_where_instances_took_over(
    server: Server, make: Made, gates: list[Gate], pool: ThreadPoolExecutor
) -> None:
    endpoint, [one, _] = make("taken-over"), gates
    one.open.set()
    call = pool.submit(ask, runtime(server), "taken-over")
    until_taken(endpoint.place, 1)
    instances = {"Generation": 2, "Variants": [{"VariantName": "v", "Role": "r"}]}
    endpoint.have(one.model.path, _Serving=instances)
    assert call.result() == "one"


def test_a_call_that_waits_hears_that_the_endpoint_is_gone(
    server: Server, make: Made, pool: ThreadPoolExecutor
) -> None:
    endpoint = make("going")
    call = pool.submit(ask, runtime(server), "going")
    until_taken(endpoint.place, 1)
    endpoint.write(EndpointStatus="Deleting")
    with pytest.raises(ClientError, match="It is Deleting"):
        call.result()


def test_another_variant_is_refused(server: Server, make: Made, gates: list[Gate]) -> None:
    make("one-variant").have(gates[0].model.path)
    with pytest.raises(ClientError, match="Variant other not found for endpoint one-variant"):
        runtime(server).invoke_endpoint(EndpointName="one-variant", Body=b"x", TargetVariant="other")


def invoke_alone(server: Server, record: Record, limits: Limits, plan: Plan, body: bytes) -> None:
    """Make a call with other limits than the server's."""
    endpoint = Endpoint(record, Choice([]), {}, plan)
    call = Invocation(
        account=record.account,
        region=record.region,
        endpoint=record.name,
        headers={},
        body=body,
        began=time.perf_counter(),
    )
    changes = Glance(Changes(server.stores.database))
    serverless = Serving(changes, server.parts.clock, limits, server.home)
    asyncio.run(serverless.invoke(server.parts.plane.router, endpoint, call, None))


@pytest.mark.parametrize(("limits", "fits"), [(LIFTED, True), (STRICT, False)])
def test_a_body_over_four_megabytes_is_refused_in_strict_mode_only(
    server: Server, make: Made, limits: Limits, fits: bool
) -> None:
    plan = Plan(Variant("v", 1.0, Tally(), None), {**CONFIG, "MaxConcurrency": 0})
    refusal, says = (Throttled, "under way") if fits else (Refused, "takes at most 4194304")
    with pytest.raises(refusal, match=says):
        invoke_alone(server, make(f"large-{fits}").record, limits, plan, b"x" * 4_194_305)


def test_an_environment_that_does_not_answer_in_time_is_nobody_s_any_more(
    server: Server, make: Made, gates: list[Gate]
) -> None:
    endpoint, [one, _] = make("slow"), gates
    endpoint.have(one.model.path)
    plan = Plan(Variant("v", 1.0, Tally(), None, hosts=[Host("one", one.model.path)]), CONFIG)
    with pytest.raises(ModelError, match="timed out while waiting"):
        invoke_alone(server, endpoint.record, replace(LIFTED, model_seconds=0.05), plan, b"x")
    assert occupancy.last_used(endpoint.place, "one") is None


def test_a_model_s_error_is_told_and_frees_the_environment(
    server: Server, make: Made, tmp_path: Path
) -> None:
    model = Model(tmp_path / "bad.sock", lambda *_: b"HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nbad")
    endpoint = make("bad")
    endpoint.have(model.path)
    for _ in range(4):
        with pytest.raises(ClientError, match='from v with message "bad"'):
            ask(runtime(server), "bad")
    assert occupancy.calls(endpoint.place, 200) == 0
    model.close()


def test_a_call_s_line_says_what_is_billed() -> None:
    bill = Bill(
        at=0,
        variant="v",
        config=CONFIG,
        concurrency=1,
        sent=5,
        received=2,
        environment="e",
        setup=0.4,
        seconds=0.0121,
    )
    assert bill.line().split("\t") == [
        "REPORT Duration: 12.10 ms",
        "Billed Duration: 13 ms",
        "Memory Size: 2048 MB",
        "Billed: 0.026000 GB-seconds",
        "In: 5 bytes",
        "Out: 2 bytes",
        "Setup Duration: 400.00 ms",
    ]


@pytest.mark.parametrize(
    ("config", "members", "expected"),
    [
        ({}, {}, {"ServerlessConcurrentExecutionsUtilization": 0.5}),
        (
            {},
            {"environment": "e", "seconds": 0.25, "setup": 1.5},
            {
                "ServerlessConcurrentExecutionsUtilization": 0.5,
                "BilledDuration": 250,
                "ModelSetupTime": 1_500_000,
            },
        ),
        (
            {"ProvisionedConcurrency": 1},
            {"environment": "e", "provisioned": True},
            {
                "ServerlessConcurrentExecutionsUtilization": 0.5,
                "ServerlessProvisionedConcurrencyExecutions": 2,
                "ServerlessProvisionedConcurrencyUtilization": 2,
                "ServerlessProvisionedConcurrencyInvocations": 1,
                "ServerlessProvisionedConcurrencySpilloverInvocations": 0,
                "BilledDuration": 0,
            },
        ),
    ],
)
def test_calls_are_measured_as_aws_does(
    config: dict[str, int], members: Any, expected: dict[str, float]
) -> None:
    whole = {"MemorySizeInMB": 1024, "MaxConcurrency": 4, **config}
    bill = Bill(at=0, variant="v", config=whole, concurrency=2, sent=0, **members)
    assert {name: value for (name, _), [value] in measured([bill]).items()} == expected


def test_points_are_those_of_an_endpoint_s_variant(server: Server, make: Made) -> None:
    book = Book(make("told").record)
    book.add(Bill(at=0, variant="v", config=CONFIG, concurrency=3, sent=0))
    [(series, columns)] = points(book.endpoint, book.take(), 7000)
    assert "told" in series.subject
    assert (series.name, len(columns)) == ("ServerlessConcurrentExecutionsUtilization", 1)
    assert book.take() == []
