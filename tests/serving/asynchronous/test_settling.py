"""Requests that end together are settled together, and what keeps one from it keeps no other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.serving.asynchronous.conftest import BUCKET, ROLE, Site, until
from tests.serving.test_router import Model, ok

from clary.core.document import Document
from clary.engines.inference.asynchronous import config_of
from clary.resources.inference.endpoint import ENDPOINT
from clary.serving.asynchronous.doors import Doors, Endpoint, Host
from clary.serving.asynchronous.settlement import Ended, Settlement
from clary.serving.asynchronous.settling import settle
from clary.store.invocations.queue import Accepted

HOST = Host(uid="h", variant="v", weight=1.0, role=ROLE, sockets=())


class Broken(Settlement):
    """One that cannot be written down."""

    def message(self) -> Document:
        raise RuntimeError("a mistake of ours")


@contextmanager
def model(path: Path) -> Iterator[Model]:
    made = Model(path, lambda _line, _headers, body: ok(body, "Content-Type: text/plain"))
    try:
        yield made
    finally:
        made.close()


def claimed(site: Site, doors: Doors, name: str) -> tuple[Endpoint, list[Accepted]]:
    """Claim what waits at an endpoint."""
    record = site.server.stores.records.scoped("000000000000", "us-east-1").find(ENDPOINT, name)
    assert record is not None
    config = config_of(record.doc)
    assert config
    endpoint = Endpoint(
        uid=record.uid, account=record.account, region=record.region, name=name, config=config
    )
    return endpoint, doors.invocations.claim(record.uid, 100, doors.now())


def test_many_that_end_together_have_each_its_answer_its_message_and_its_line(
    site: Site, tmp_path: Path
) -> None:
    topic, messages = site.topic("many")
    sent = {}
    with model(tmp_path / "m.sock") as host:
        site.serve("many", host, most=40, NotificationConfig={"SuccessTopic": topic})
        for number in range(40):
            sent[str(number).encode()] = site.runtime.invoke_endpoint_async(
                EndpointName="many", Body=str(number).encode(), InferenceId=f"n{number}"
            )
        with site.driven():
            assert all(site.answer(told) == body for body, told in sent.items())
    told = sorted(each["inferenceId"] for _ in range(8) for each in messages())
    assert told == sorted(f"n{number}" for number in range(40))
    logs = site.server.client("logs")
    group, stream = "/aws/sagemaker/Endpoints/many", "v/many-m/data-log"
    events = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]
    lines = sorted(event["message"].split(":")[0] for event in events)
    assert lines == sorted(f"Inference id n{number}" for number in range(40))


def test_one_that_cannot_be_settled_keeps_no_other_from_it(site: Site) -> None:
    name = "settled-alone"
    topic, messages = site.topic(name)
    site.serve(name, NotificationConfig={"ErrorTopic": topic}, S3FailurePath=f"s3://{BUCKET}/{name}/bad")
    sent = [site.send(name, InferenceId=each) for each in ("a", "b", "c")]
    doors = site.doors("me")
    endpoint, claims = claimed(site, doors, name)
    ended = Ended(measured={}, reason="ClientError: so")
    kinds = (Settlement, Broken, Settlement)
    some = [kind(doors, endpoint, HOST, one, ended) for kind, one in zip(kinds, claims, strict=True)]
    errors = settle(doors, some)
    assert [type(error) for error in errors] == [type(None), RuntimeError, type(None)]
    kept = [site.read(told["FailureLocation"]) for told in sent]
    assert kept == [b"ClientError: so", None, b"ClientError: so"]
    assert sorted(each["inferenceId"] for each in messages()) == ["a", "c"]
    assert doors.invocations.backlog(endpoint.uid).size == 1


def test_one_that_is_somebody_else_s_by_now_is_settled_by_nobody_but_them(site: Site) -> None:
    topic, messages = site.topic("taken")
    site.serve("taken", NotificationConfig={"ErrorTopic": topic})
    site.send("taken")
    first, second = site.doors("first"), site.doors("second")
    endpoint, [one] = claimed(site, first, "taken")
    first.invocations.disown("first")
    _, [again] = claimed(site, second, "taken")
    ended = Ended(measured={}, reason="ClientError: so")
    assert settle(first, [Settlement(first, endpoint, HOST, one, ended)]) == [None]
    assert not messages() and second.invocations.backlog(endpoint.uid).size == 1
    assert settle(second, [Settlement(second, endpoint, HOST, again, ended)]) == [None]
    until(lambda: messages() or None, "the topic was told")
    assert second.invocations.backlog(endpoint.uid).size == 0
