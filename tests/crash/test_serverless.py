"""Serverless endpoints of real processes: no call is lost when environments come, go and die."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from tests.crash.site import Site
from tests.crash.test_endpoint_kills import archive, finish, settle
from tests.crash.test_training_kills import BUCKET, ROLE

IDLE = 2.0  # seconds after which an environment goes
GROUP = "/aws/sagemaker/Endpoints"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run a server whose environments go soon."""
    made = Site(tmp_path_factory.mktemp("site"), settings={"CLARY_SERVERLESS_IDLE": str(IDLE)})
    made.up()
    yield made
    made.open_gates()
    made.down()


def create(site: Site, name: str, *, environment: dict[str, str] | None = None, **config: int) -> str:
    """Have a serverless endpoint in service; return what its model answers with."""
    nonce = secrets.token_hex(8)
    site.client("s3").put_object(Bucket=BUCKET, Key=f"{name}/model.tar.gz", Body=archive(nonce))
    container = {"Image": "held", "ModelDataUrl": f"s3://{BUCKET}/{name}/model.tar.gz"}
    sagemaker = site.client("sagemaker")
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={**container, "Environment": environment or {}},
    )
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 20, **config}
    variant: Any = {"VariantName": "v", "ModelName": name, "ServerlessConfig": serverless}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert settle(site, name)["EndpointStatus"] == "InService"
    return nonce


def invoke(runtime: Any, name: str, body: str = "x") -> str:
    answer = runtime.invoke_endpoint(EndpointName=name, Body=body.encode())
    return str(answer["Body"].read().decode())


@pytest.mark.slow
def test_an_idle_environment_is_gone_and_the_next_call_starts_one(site: Site) -> None:
    nonce = create(site, "idle")
    runtime = site.client("sagemaker-runtime")
    assert invoke(runtime, "idle") == f"{nonce} x"
    site.until(lambda: not site.runs("*"), "no environment is left")
    site.until(lambda: not site.processes_left(), "nor a process of it")
    assert site.client("sagemaker").describe_endpoint(EndpointName="idle")["EndpointStatus"] == "InService"
    assert invoke(runtime, "idle") == f"{nonce} x"
    finish(site, "idle")
    assert not [*(site.home / "run" / "serverless").iterdir()]
