"""Endpoints are updated while they are asked: no call fails, whether the update succeeds or not."""

from __future__ import annotations

import secrets
import threading
from typing import Any

import pytest
from tests.crash.site import Site
from tests.crash.test_endpoint_kills import answers, archive, create, describe, finish, settle
from tests.crash.test_training_kills import BUCKET, ROLE

from clary.core.document import Document


class Asking:
    """Asks an endpoint without pause, as long as the context lasts, and keeps what it answered.

    `late` is what failed of the calls that were begun after `settle`.
    """

    def __init__(self, site: Site, name: str, callers: int = 2) -> None:
        self.answers: list[str] = []
        self.errors: list[str] = []
        self.late: list[str] = []
        self._client, self._name = site.client("sagemaker-runtime"), name
        self._stop, self._settled = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(callers)]

    def __enter__(self) -> Asking:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def settle(self) -> None:
        """Say that what was changed has an end: calls that begin from now on are told apart."""
        self._settled.set()

    def _ask(self) -> None:
        while not self._stop.is_set():
            settled = self._settled.is_set()
            try:
                answer = self._client.invoke_endpoint(EndpointName=self._name, Body=b"x")["Body"].read()
                self.answers.append(answer.decode())
            except Exception as error:
                self.errors.append(repr(error))
                if settled:
                    self.late.append(repr(error))


def serving(site: Site, name: str) -> tuple[str, Any]:
    nonce = secrets.token_hex(8)
    create(site, name, nonce)
    assert settle(site, name)["EndpointStatus"] == "InService"
    assert answers(site, name, nonce)
    return nonce, site.client("sagemaker")


def another_config(site: Site, sagemaker: Any, name: str, data: bytes, **environment: str) -> str:
    """Make a configuration of a model with that archive; return its name."""
    other = f"{name}-2"
    site.client("s3").put_object(Bucket=BUCKET, Key=f"{other}/m.tar.gz", Body=data)
    container = {
        "Image": "held",
        "ModelDataUrl": f"s3://{BUCKET}/{other}/m.tar.gz",
        "Environment": environment,
    }
    sagemaker.create_model(ModelName=other, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant: Document = {"VariantName": "v", "ModelName": other, "InitialInstanceCount": 2}
    variant["InstanceType"] = "ml.m5.large"
    sagemaker.create_endpoint_config(EndpointConfigName=other, ProductionVariants=[variant])
    return other


def until_in_service(site: Site, name: str) -> Any:
    def look() -> Any:
        site.open_gates()  # at each look: a run that begins after one may hold at its own gate
        endpoint = describe(site, name)
        return endpoint if endpoint["EndpointStatus"] == "InService" else None

    return site.until(look, "it is in service")


def has_runs(site: Site, count: int) -> None:
    site.until(lambda: len(site.runs("*")) == count, f"{count} hosts")


def test_an_update_switches_without_a_call_that_fails(site: Site) -> None:
    before, sagemaker = serving(site, "switch")
    after = secrets.token_hex(8)
    other = another_config(site, sagemaker, "switch", archive(after))
    with Asking(site, "switch") as asking:
        sagemaker.update_endpoint(EndpointName="switch", EndpointConfigName=other)
        sagemaker.delete_endpoint_config(EndpointConfigName=other)  # the endpoint has a copy
        endpoint = until_in_service(site, "switch")
        site.until(lambda: len(site.runs("*")) == 2, "the old host is gone")
    assert endpoint["EndpointConfigName"] == other
    assert endpoint["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert asking.errors == []
    assert set(asking.answers) == {f"{before} x", f"{after} x"}
    finish(site, "switch")


def test_an_update_that_fails_leaves_the_old_hosts_serving(site: Site) -> None:
    before, sagemaker = serving(site, "back")
    other = another_config(site, sagemaker, "back", b"no archive")
    with Asking(site, "back") as asking:
        sagemaker.update_endpoint(EndpointName="back", EndpointConfigName=other)
        endpoint = until_in_service(site, "back")
    assert endpoint["EndpointConfigName"] == "back"
    assert endpoint["FailureReason"].startswith("The update was taken back: Failed to extract model data")
    assert asking.errors == []
    assert set(asking.answers) == {f"{before} x"}
    finish(site, "back")


@pytest.mark.slow
def test_hosts_are_added_and_taken_away_while_the_endpoint_answers(site: Site) -> None:
    _, sagemaker = serving(site, "scale")
    with Asking(site, "scale") as asking:
        for count in (2, 1):
            desired: list[Document] = [{"VariantName": "v", "DesiredInstanceCount": count}]
            sagemaker.update_endpoint_weights_and_capacities(
                EndpointName="scale", DesiredWeightsAndCapacities=desired
            )
            has_runs(site, count)
            assert until_in_service(site, "scale")["ProductionVariants"][0]["CurrentInstanceCount"] == count
    assert asking.errors == []
    finish(site, "scale")
