"""kill -9 of gateway, controller, shim and container while an endpoint comes up and while it serves."""

from __future__ import annotations

import io
import secrets
import tarfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.crash.site import Site
from tests.crash.test_training_kills import BUCKET, ROLE


def archive(nonce: str) -> bytes:
    """Return a model that answers with the nonce."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as made:
        member = tarfile.TarInfo("answer")
        member.size = len(nonce)
        made.addfile(member, io.BytesIO(nonce.encode()))
    return file.getvalue()


def create(site: Site, name: str, nonce: str, **environment: str) -> None:
    site.client("s3").put_object(Bucket=BUCKET, Key=f"{name}/model.tar.gz", Body=archive(nonce))
    sagemaker = site.client("sagemaker")
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={
            "Image": "held",
            "ModelDataUrl": f"s3://{BUCKET}/{name}/model.tar.gz",
            "Environment": {"HELD": "1", **environment},
        },
    )
    variant = {
        "VariantName": "v",
        "ModelName": name,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)


def describe(site: Site, name: str) -> Any:
    return site.client("sagemaker").describe_endpoint(EndpointName=name)


def settle(site: Site, name: str) -> Any:
    """Let everything go its way again; return what the endpoint is once it is decided."""
    site.up()

    def decided() -> Any:
        site.open_gates()
        endpoint = describe(site, name)
        return endpoint if endpoint["EndpointStatus"] != "Creating" else None

    return site.until(decided, f"{name} is decided")


def answers(site: Site, name: str, nonce: str) -> bool:
    """Say whether a host answers; the call may wait for one, which may yet have to come and find its gate."""
    runtime = site.client("sagemaker-runtime")
    with ThreadPoolExecutor(1) as pool:
        calling = pool.submit(runtime.invoke_endpoint, EndpointName=name, Body=b"hello")

        def over() -> bool:
            site.open_gates()
            return calling.done()

        site.until(over, f"the call of {name} is over")
    try:
        answer = calling.result()
    except ClientError:
        return False
    assert answer["Body"].read() == f"{nonce} hello".encode()
    return True


def finish(site: Site, name: str) -> None:
    """Delete the endpoint, and check that nothing is left of it."""
    site.client("sagemaker").delete_endpoint(EndpointName=name)

    def gone() -> bool:
        try:
            describe(site, name)
        except ClientError as error:
            return "Could not find endpoint" in str(error)
        return False

    site.until(gone, f"{name} is gone")
    site.until(lambda: not site.runs("*"), "the runs' directories are gone")
    site.until(lambda: not site.processes_left(), f"no process is left but {site.processes_left()}")


def coming_up(site: Site) -> str:
    """Wait until the server's program has begun, and holds; return its run, the only one there is."""
    uid = site.until(lambda: site.runs("*"), "there is a run")[-1]
    site.until(lambda: site.job(uid).log.exists() and site.job(uid).log.read_bytes(), "the program runs")
    return uid


@pytest.mark.parametrize("phase", ["created", "held", "serving"])
@pytest.mark.parametrize("victim", ["gateway", "controller"])
@pytest.mark.slow
def test_an_endpoint_comes_into_service_whichever_server_process_is_killed(
    site: Site, victim: str, phase: str
) -> None:
    name, nonce = f"{victim}-{phase}", secrets.token_hex(8)
    create(site, name, nonce)
    if phase == "held":
        coming_up(site)
    elif phase == "serving":
        assert settle(site, name)["EndpointStatus"] == "InService"
    before = site.runs("*")
    site.kill(victim)
    endpoint = settle(site, name)
    assert endpoint["EndpointStatus"] == "InService", endpoint.get("FailureReason")
    assert answers(site, name, nonce)
    if phase == "serving":
        assert site.runs("*") == before
    finish(site, name)


@pytest.mark.slow
def test_a_host_whose_shim_is_killed_on_its_way_up_is_replaced(site: Site) -> None:
    name, nonce = "shim-held", secrets.token_hex(8)
    create(site, name, nonce)
    site.kill_run(coming_up(site), "shim")
    endpoint = settle(site, name)
    assert endpoint["EndpointStatus"] == "InService", endpoint.get("FailureReason")
    assert answers(site, name, nonce)
    finish(site, name)


@pytest.mark.slow
def test_an_endpoint_whose_container_is_killed_on_its_way_up_fails_and_says_so(site: Site) -> None:
    name, nonce = "container-held", secrets.token_hex(8)
    create(site, name, nonce)
    site.kill_run(coming_up(site), "container")
    endpoint = settle(site, name)
    assert endpoint["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in endpoint["FailureReason"]
    finish(site, name)


@pytest.mark.parametrize("victim", [pytest.param("shim", marks=pytest.mark.slow), "container"])
def test_a_serving_host_that_is_killed_is_replaced(site: Site, victim: str) -> None:
    name, nonce = f"{victim}-serving", secrets.token_hex(8)
    create(site, name, nonce)
    assert settle(site, name)["EndpointStatus"] == "InService"
    (before,) = site.runs("*")
    site.kill_run(before, victim)
    site.until(lambda: before not in site.runs("*"), "the dead host is removed")
    site.until(lambda: answers(site, name, nonce), "another host answers")
    assert describe(site, name)["EndpointStatus"] == "InService"
    finish(site, name)
