"""Serverless endpoints of real processes: no call is lost when environments come, go and die."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.crash.site import PATIENCE, Site
from tests.crash.test_async_kills import asked_of
from tests.crash.test_endpoint_kills import archive, finish, settle
from tests.crash.test_training_kills import BUCKET, ROLE
from tests.crash.test_updates import Asking

from clary.core import wake
from clary.runtime import occupancy

LONG = 3 * PATIENCE
IDLE = 0.5  # seconds after which an environment goes


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


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_calls_that_meet_the_reaper_are_answered(site: Site) -> None:
    nonce = create(site, "reaped")
    [uid] = [path.name for path in (site.home / "run" / "serverless").iterdir()]
    runtime, seen = site.client("sagemaker-runtime", attempts=1), set[str]()
    ended = threading.Event()

    def hurry() -> None:
        """Have the controller look again and again, so that it is always just about to take one away."""
        while not ended.wait(0.02):
            wake.send(site.home / "run" / "wake.sock", uid)
            seen.update(site.runs(uid))

    def call() -> None:
        for turn in range(200):
            ended.wait(IDLE * (0.9 + turn % 8 / 20))
            assert invoke(runtime, "reaped", str(turn)) == f"{nonce} {turn}"
            if turn >= 30 and len(seen) > 3:  # a machine may be too busy to take one away each time
                break

    def tended(enough: int) -> bool:
        return len(seen) >= enough or calling.done()

    hurrying = threading.Thread(target=hurry)
    hurrying.start()
    try:
        with ThreadPoolExecutor(1) as pool:
            calling = pool.submit(call)
            while not calling.done():
                enough = len(seen) + 8  # a controller that begins takes its time on a busy machine
                site.until(partial(tended, enough), "environments go and come", LONG)
                site.kill("controller")
                site.up()
            calling.result()
    finally:
        ended.set()
        hurrying.join()
    assert len(seen) > 3, "environments went and came"
    finish(site, "reaped")


@pytest.mark.slow
def test_more_callers_than_may_call_are_throttled_and_those_that_may_are_answered(site: Site) -> None:
    nonce = create(site, "crowded", environment={"HELD_ANSWERS": "1"}, MaxConcurrency=4)
    impatient, patient = site.client("sagemaker-runtime", attempts=1), site.client("sagemaker-runtime", 30)
    [place] = (site.home / "run" / "serverless").iterdir()
    with ThreadPoolExecutor(12) as pool:
        first = [pool.submit(invoke, impatient, "crowded", str(n)) for n in range(4)]
        site.until(lambda: occupancy.calls(place, 200) == 4, "as many calls as may be are under way")
        for _ in range(4):
            with pytest.raises(ClientError, match="ThrottlingException"):
                invoke(impatient, "crowded")
        more = [pool.submit(invoke, patient, "crowded", str(n)) for n in range(4, 12)]

        def answered() -> bool:
            site.open_answers()
            return all(each.done() for each in [*first, *more])

        site.until(answered, "all are answered")
        assert [each.result() for each in [*first, *more]] == [f"{nonce} {n}" for n in range(12)]
    assert occupancy.calls(place, 200) == 0
    finish(site, "crowded")


@pytest.mark.slow
def test_an_environment_that_is_killed_in_a_call_is_replaced_by_the_next(site: Site) -> None:
    nonce = create(site, "killed", environment={"HELD_ANSWERS": "1"})
    runtime = site.client("sagemaker-runtime")
    with ThreadPoolExecutor(1) as pool:
        calling = pool.submit(invoke, runtime, "killed")

        def asked() -> str:
            """Look for it among all: the one from before may be going just now."""
            return next((uid for uid in site.runs("*") if asked_of(site, uid)), "")

        run = site.until(asked, "an environment is asked")
        assert site.kill_run(run, "container") == "ready"

        def answered() -> bool:
            site.open_answers()
            return calling.done()

        site.until(answered, "the call is answered, the second time that it is asked")
        assert calling.result() == f"{nonce} x"
    finish(site, "killed")


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["gateway", "controller"])
def test_a_call_that_waits_is_answered_whoever_is_killed(site: Site, victim: str) -> None:
    nonce = create(site, f"waits-{victim}", environment={"HELD": "1"})
    site.until(lambda: not site.runs("*"), "no environment is left")
    [place] = (site.home / "run" / "serverless").iterdir()
    runtime = site.client("sagemaker-runtime")
    with ThreadPoolExecutor(1) as pool:
        calling = pool.submit(invoke, runtime, f"waits-{victim}")
        site.until(lambda: site.runs("*"), "an environment is begun")
        site.kill(victim)
        if victim == "gateway":
            assert occupancy.calls(place, 200) == 0
        site.up()

        def answered() -> bool:
            site.open_gates()
            return calling.done()

        site.until(answered, "it is answered")
        assert calling.result() == f"{nonce} x"
    finish(site, f"waits-{victim}")


@pytest.mark.slow
def test_an_update_of_an_endpoint_that_sleeps_or_is_called_loses_no_call(site: Site) -> None:
    nonce = create(site, "updated", environment={"HELD": "1"})
    site.until(lambda: not site.runs("*"), "no environment is left")
    sagemaker, runtime = site.client("sagemaker"), site.client("sagemaker-runtime", attempts=1)
    serverless: Any = {"MemorySizeInMB": 2048, "MaxConcurrency": 5, "ProvisionedConcurrency": 1}
    variant: Any = {"VariantName": "v", "ModelName": "updated", "ServerlessConfig": serverless}
    sagemaker.create_endpoint_config(EndpointConfigName="updated-2", ProductionVariants=[variant])
    sagemaker.update_endpoint(EndpointName="updated", EndpointConfigName="updated-2")

    def in_service() -> Any:
        site.open_gates()
        endpoint = sagemaker.describe_endpoint(EndpointName="updated")
        return endpoint if endpoint["EndpointStatus"] == "InService" else None

    with Asking(site, "updated") as asking:
        [told] = site.until(in_service, "it is updated")["ProductionVariants"]
        assert told["CurrentServerlessConfig"] == serverless
        asked = len(asking.answers)
        site.until(lambda: len(asking.answers) > asked + 10, "the new ones are asked")
        changes: Any = [{"VariantName": "v", "ServerlessUpdateConfig": {"MaxConcurrency": 7}}]
        sagemaker.update_endpoint_weights_and_capacities(
            EndpointName="updated", DesiredWeightsAndCapacities=changes
        )
        [told] = site.until(in_service, "it is changed")["ProductionVariants"]
        assert told["CurrentServerlessConfig"] == {**serverless, "MaxConcurrency": 7}
    assert (asking.errors, set(asking.answers)) == ([], {f"{nonce} x"})
    assert invoke(runtime, "updated") == f"{nonce} x"
    finish(site, "updated")


@pytest.mark.slow
def test_a_call_s_bill_is_in_the_log_of_its_environment_and_in_metrics(site: Site) -> None:
    create(site, "billed", environment={"SECONDS": "0.2"}, ProvisionedConcurrency=1)
    invoke(site.client("sagemaker-runtime"), "billed")
    logs, cloudwatch = site.client("logs"), site.client("cloudwatch")
    group = "/aws/sagemaker/Endpoints/billed"

    def report() -> str:
        found = logs.filter_log_events(logGroupName=group, filterPattern="REPORT")["events"]
        return str(found[0]["message"]) if found else ""

    line = dict(part.removeprefix("REPORT ").split(": ") for part in site.until(report, "a line").split("\t"))
    billed = int(line["Billed Duration"].removesuffix(" ms"))
    assert (billed >= 200, line["Memory Size"]) == (True, "1024 MB")
    named = [{"Name": "EndpointName", "Value": "billed"}, {"Name": "VariantName", "Value": "v"}]

    def value(name: str) -> float | None:
        end = datetime.now(UTC) + timedelta(minutes=2)
        found = cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=name,
            Dimensions=named,
            StartTime=end - timedelta(hours=1),
            EndTime=end,
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(each["Sum"] for each in found)) if found else None

    # The points are put after the lines, all at once.
    assert site.until(lambda: value("BilledDuration"), "its points are there") == billed
    assert value("ServerlessProvisionedConcurrencyInvocations") == 1
    assert value("ServerlessConcurrentExecutionsUtilization") == 1 / 20
    finish(site, "billed")
