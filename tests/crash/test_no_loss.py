"""Ten thousand calls during each kind of change: none fails, none is answered wrongly."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.crash.counting import CALLS, Counting
from tests.crash.site import Site
from tests.crash.test_deployments import config
from tests.crash.test_endpoint_kills import archive, create, describe, finish
from tests.crash.test_updates import another_config, until_in_service

from clary.core.document import Document

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
BEFORE = 200  # calls that are answered before the change begins
WAITS = 4  # seconds between two steps of a change
DEPLOYMENTS: dict[str, Document | None] = {
    "plain": None,
    "all-at-once": {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
        }
    },
    "canary": config("canary", WAITS),
    "linear": config("linear", WAITS),
    "rolling": config("rolling", WAITS),
}


def serving(site: Site, name: str, hosts: int = 2) -> tuple[str, Any]:
    """Have an endpoint of so many hosts in service; return what its model answers with."""
    nonce, sagemaker = secrets.token_hex(8), site.client("sagemaker")
    create(site, name, nonce, HELD="")
    until_in_service(site, name)
    resize(site, sagemaker, name, hosts)
    return nonce, sagemaker


def resize(site: Site, sagemaker: Any, name: str, hosts: int) -> None:
    desired = [{"VariantName": "v", "DesiredInstanceCount": hosts}]
    sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=desired)
    until_in_service(site, name)
    site.until(lambda: len(site.runs("*")) == hosts, f"it has {hosts} hosts and no other")


def checked(counting: Counting, kind: str) -> None:
    print(f"{kind}: {counting.calls} calls, {counting.retried} of them asked again by the client")
    assert counting.errors == []
    assert counting.wrong == []
    assert counting.calls >= CALLS


def begun(site: Site, counting: Counting) -> None:
    site.until(lambda: counting.calls > BEFORE, "calls are answered")


@pytest.mark.parametrize("kind", DEPLOYMENTS)
def test_an_update(site: Site, kind: str) -> None:
    before, sagemaker = serving(site, kind)
    after = secrets.token_hex(8)
    other = another_config(site, sagemaker, kind, archive(after))
    deployment = DEPLOYMENTS[kind]
    with Counting(site, kind) as counting:
        begun(site, counting)
        more = {"DeploymentConfig": deployment} if deployment else {}
        sagemaker.update_endpoint(EndpointName=kind, EndpointConfigName=other, **more)
        assert until_in_service(site, kind)["EndpointConfigName"] == other
        counting.settle()
        site.until(lambda: counting.late.total() > BEFORE, "the new version is asked")
        site.until(lambda: len(site.runs("*")) == 2, "the old hosts are gone")
    checked(counting, kind)
    assert counting.answered.keys() == {before, after}
    assert counting.late.keys() - {before} == {after}
    assert counting.late[before] == 0
    finish(site, kind)


def test_another_weight_and_number_of_hosts_for_each_of_two_variants(site: Site) -> None:
    one, sagemaker = serving(site, "weighed", 1)
    two = secrets.token_hex(8)
    other = another_config(site, sagemaker, "weighed", archive(two))
    variants = [
        {"VariantName": name, "ModelName": model, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
        for name, model in (("one", "weighed"), ("two", other))
    ]
    sagemaker.create_endpoint_config(EndpointConfigName="weighed-both", ProductionVariants=variants)
    sagemaker.update_endpoint(EndpointName="weighed", EndpointConfigName="weighed-both")
    until_in_service(site, "weighed")
    with Counting(site, "weighed") as counting:
        begun(site, counting)
        for weights, counts in (((9, 1), (2, 1)), ((0, 1), (1, 2)), ((1, 0), (1, 1))):
            desired = [
                {"VariantName": name, "DesiredWeight": float(weight), "DesiredInstanceCount": count}
                for name, weight, count in zip(("one", "two"), weights, counts, strict=True)
            ]
            sagemaker.update_endpoint_weights_and_capacities(
                EndpointName="weighed", DesiredWeightsAndCapacities=desired
            )
            until_in_service(site, "weighed")
        counting.settle()
        site.until(lambda: counting.late.total() > BEFORE, "calls are answered")
    checked(counting, "weights and capacities")
    assert counting.answered.keys() == {one, two}
    assert counting.late[two] == 0
    finish(site, "weighed")


@pytest.mark.parametrize(("kind", "first", "then"), [("out", 1, 3), ("in", 3, 1)])
def test_more_and_fewer_hosts(site: Site, kind: str, first: int, then: int) -> None:
    name = f"scaled-{kind}"
    nonce, sagemaker = serving(site, name, first)
    with Counting(site, name) as counting:
        begun(site, counting)
        resize(site, sagemaker, name, then)
    checked(counting, name)
    assert counting.answered.keys() == {nonce}
    finish(site, name)


def kill_hosts(site: Site) -> None:
    """Kill -9 one host, and the other once the first one is replaced."""
    for uid in site.runs("*"):
        assert site.kill_run(uid, "container") == "ready"
        site.until(lambda: _ready(site, without=uid) == 2, "the dead host is replaced")  # noqa: B023 - at once


def renew_gateway(site: Site) -> None:
    for _ in range(3):
        site.renew()


def kill_gateway(site: Site) -> None:
    for _ in range(2):
        site.kill("gateway")
        site.up()


def kill_controller(site: Site) -> None:
    """Kill -9 the controller over and over while an update goes on."""
    other = "control-plane-2"
    site.client("sagemaker").update_endpoint(EndpointName="control-plane", EndpointConfigName=other)
    while describe(site, "control-plane")["EndpointConfigName"] != other:
        site.kill("controller")
        site.up()
        had = site.runs("*")
        site.until(lambda: site.runs("*") != had or _in_service(site), "it goes on")  # noqa: B023 - used at once


def _ready(site: Site, without: str) -> int:
    """Return how many hosts are ready, none as long as that one is there."""
    runs = site.runs("*")
    return 0 if without in runs else [site.phase(run) for run in runs].count("ready")


def _in_service(site: Site) -> bool:
    return bool(describe(site, "control-plane")["EndpointStatus"] == "InService")


@pytest.mark.parametrize(
    ("kind", "change", "retries"),
    [
        ("host-kill", kill_hosts, True),
        ("gateway-restart", renew_gateway, False),
        ("gateway-kill", kill_gateway, True),
        ("control-plane", kill_controller, False),
    ],
)
def test_a_process_is_replaced(
    site: Site, kind: str, change: Callable[[Site], object], retries: bool
) -> None:
    nonce, sagemaker = serving(site, kind)
    another_config(site, sagemaker, kind, archive(nonce))
    with Counting(site, kind, retries=retries) as counting:
        begun(site, counting)
        change(site)
    checked(counting, kind)
    assert counting.answered.keys() == {nonce}
    finish(site, kind)


def test_a_host_is_not_stopped_over_a_call_however_long_it_takes(site: Site) -> None:
    before, after = secrets.token_hex(8), secrets.token_hex(8)
    sagemaker = site.client("sagemaker")
    create(site, "patient", before, HELD="", HELD_ANSWERS="1")
    until_in_service(site, "patient")
    resize(site, sagemaker, "patient", 2)
    old = site.runs("*")
    other = another_config(site, sagemaker, "patient", archive(after))
    with ThreadPoolExecutor(1) as pool:
        runtime = site.client("sagemaker-runtime", attempts=1)
        calling = pool.submit(runtime.invoke_endpoint, EndpointName="patient", Body=b"x")
        (busy,) = site.until(
            lambda: [uid for uid in old if b"asked" in site.job(uid).log.read_bytes()], "asked"
        )
        sagemaker.update_endpoint(EndpointName="patient", EndpointConfigName=other)
        site.until(lambda: {*old} & {*site.runs("*")} == {busy}, "the other old host is gone")
        assert not calling.done()
        assert (
            runtime.invoke_endpoint(EndpointName="patient", Body=b"y")["Body"].read() == f"{after} y".encode()
        )
        site.open_answers()
        assert calling.result()["Body"].read() == f"{before} x".encode()
    site.until(lambda: busy not in site.runs("*"), "it goes once it has answered")
    finish(site, "patient")
