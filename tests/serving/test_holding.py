"""Calls at an endpoint without a host: held while the first one starts, refused where none will come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.serving.test_router import Model, ok

from clary.core.document import Document
from clary.resources.application_autoscaling.scalable_target import SCALABLE_TARGET
from clary.resources.inference.endpoint import ENDPOINT
from clary.store.records import Record, Records

if TYPE_CHECKING:
    from tests.conftest import Server

CALLERS = 8


class Sleeping:
    """An endpoint of two variants, `a` and `b`, that have no host; the first may be scaled."""

    def __init__(self, server: Server, name: str, model: Model) -> None:
        self.server, self.name, self.model = server, name, model
        self.records: Records = server.stores.records.scoped("000000000000", "us-east-1")
        serving = {"Variants": [{"VariantName": "a", "Weight": 1.0}, {"VariantName": "b", "Weight": 0.5}]}
        doc = {"EndpointName": name, "EndpointStatus": "InService", "_Hosts": [], "_Serving": serving}
        self.endpoint = self.records.create(ENDPOINT, doc)
        self.target: Record | None = None

    def may_grow(self, variant: str = "a", **more: Any) -> None:
        place = {
            "ServiceNamespace": "sagemaker",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
            "ResourceId": f"endpoint/{self.name}/variant/{variant}",
        }
        doc: Document = {**place, "MinCapacity": 0, "MaxCapacity": 2, "TargetId": f"{self.name}-{variant}"}
        self.target = self.records.create(SCALABLE_TARGET, {**doc, **more})

    def read(self, record: Record | None) -> Record:
        found = self.records.by_uid(record.uid) if record else None
        assert found is not None
        return found

    def until_asked(self, calls: list[Future[str]]) -> None:
        """Wait until somebody wrote down that a call waits, which none of the calls outlives unanswered."""
        while "_Asked" not in self.read(self.target).doc:
            assert not any(call.done() for call in calls), [call for call in calls if call.done()]

    def wake(self, *variants: str, status: str = "InService") -> None:
        told = [
            {
                "Variant": variant,
                "Weight": 1.0,
                "Socket": str(self.model.path),
                "Uid": f"{self.name}-{variant}",
            }
            for variant in variants
        ]
        self.records.update(self.read(self.endpoint), {"_Hosts": told, "EndpointStatus": status})

    def call(self, **more: Any) -> str:
        runtime = self.server.client("sagemaker-runtime")
        return str(runtime.invoke_endpoint(EndpointName=self.name, Body=b"x", **more)["Body"].read().decode())

    def forget(self) -> None:
        self.records.delete(self.read(self.endpoint))
        if self.target:
            self.records.delete(self.read(self.target))


Make = Callable[[str], Sleeping]


@pytest.fixture
def sleeping(server: Server, tmp_path: Path) -> Iterator[Make]:
    made: list[Sleeping] = []
    model = Model(tmp_path / "late.sock", lambda *_: ok(b"late"))

    def make(name: str) -> Sleeping:
        made.append(Sleeping(server, name, model))
        return made[-1]

    yield make
    for each in made:
        each.forget()
    model.close()


def test_calls_wait_for_the_first_host_and_one_of_them_asks_for_it(sleeping: Make) -> None:
    asleep = sleeping("asleep")
    asleep.may_grow()
    before = asleep.read(asleep.target).version
    with ThreadPoolExecutor(CALLERS) as pool:
        calls = [pool.submit(asleep.call) for _ in range(CALLERS)]
        asleep.until_asked(calls)
        asleep.wake(status="Updating")  # it comes up, which is news, but no host
        asleep.wake("a")
        assert [call.result() for call in calls] == ["late"] * CALLERS
    asked = asleep.read(asleep.target)
    assert asked.due is not None
    assert asked.version - before < CALLERS  # now and again, not by call


def test_a_call_waits_for_the_variant_that_it_names(sleeping: Make) -> None:
    half = sleeping("half")
    half.may_grow("b")
    half.wake("a")
    assert half.call() == "late"
    with ThreadPoolExecutor(1) as pool:
        calls = [pool.submit(half.call, TargetVariant="b")]
        half.until_asked(calls)
        half.wake("a", "b")
        assert calls[0].result() == "late"
    with pytest.raises(ClientError, match=r"Variant c not found for endpoint half\. It has: a, b"):
        half.call(TargetVariant="c")


@pytest.mark.parametrize(
    "target", [None, {"SuspendedState": {"DynamicScalingOutSuspended": True}}, {"MaxCapacity": 0}]
)
def test_where_no_host_will_come_a_call_is_told_so_at_once(sleeping: Make, target: Document | None) -> None:
    still = sleeping("still")
    if target is not None:
        still.may_grow(**target)
    runtime = still.server.client("sagemaker-runtime")
    with pytest.raises(ClientError, match="has no host just now") as refused:
        runtime.invoke_endpoint(EndpointName="still", Body=b"x")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


def test_a_call_is_refused_once_the_endpoint_it_waits_for_is_deleted(sleeping: Make) -> None:
    doomed = sleeping("doomed")
    doomed.may_grow()
    with ThreadPoolExecutor(1) as pool:
        calls = [pool.submit(doomed.call)]
        doomed.until_asked(calls)
        doomed.records.update(doomed.read(doomed.endpoint), {"EndpointStatus": "Deleting"})
        with pytest.raises(ClientError, match="It is Deleting"):
            calls[0].result()
