"""Managed MLflow with the clients that everybody has: mlflow and its sagemaker-mlflow plugin, unmodified."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.stories.server import CLIENTS, ROOT, SCRIPTS, Clary, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
STORE = "s3://sagemaker-us-east-1-000000000000/mlflow"


def until(describe: Callable[[], Any], member: str, wanted: str) -> Any:
    """Describe until a status is reached."""
    end = time.monotonic() + 600
    while (told := describe())[member] != wanted:
        assert not told[member].endswith("Failed"), told
        assert time.monotonic() < end, told
        time.sleep(0.2)
    return told


def log(clary: Clary, python: Path, arn: str, word: str) -> Any:
    """Run the user's script against a server; return what it found."""
    told = clary.run(str(python), str(SCRIPTS / "mlflow_by_arn.py"), arn, word).stdout
    line = re.search(r"^TOLD (.*)$", told, re.M)
    assert line, told
    return json.loads(line[1])


def registered(clary: Clary, group: str) -> Any:
    """Return the only version of a group once there is one."""
    sagemaker, end = clary.client("sagemaker"), time.monotonic() + 90
    while not (
        found := sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    ):
        assert time.monotonic() < end, sagemaker.list_model_package_groups()
        time.sleep(0.2)
    [package] = found
    return sagemaker.describe_model_package(ModelPackageName=package["ModelPackageArn"])


def finished(clary: Clary, arn: str) -> Any:
    """Return the only trial component of a server's runs once its run has ended, as Search finds it."""
    sagemaker, end = clary.client("sagemaker"), time.monotonic() + 90
    ended = {"Name": "Status.PrimaryStatus", "Operator": "Equals", "Value": "Completed"}
    while True:
        found = sagemaker.search(Resource="ExperimentTrialComponent", SearchExpression={"Filters": [ended]})[
            "Results"
        ]
        if found:
            break
        assert time.monotonic() < end, sagemaker.list_trial_components()
        time.sleep(0.2)
    [listed] = sagemaker.list_trial_components(SourceArn=arn)["TrialComponentSummaries"]
    assert listed["TrialComponentName"] == found[0]["TrialComponent"]["TrialComponentName"]
    [experiment] = sagemaker.list_experiments()["ExperimentSummaries"]
    inside = sagemaker.list_trial_components(ExperimentName=experiment["ExperimentName"])[
        "TrialComponentSummaries"
    ]
    assert len(inside) == 1
    return sagemaker.describe_trial_component(TrialComponentName=listed["TrialComponentName"])


def page(url: str, cookie: str = "", method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    """Ask for a page as a browser does; its body is read."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=90)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    connection.request(method, target, headers={**({"Cookie": cookie} if cookie else {}), **headers})
    answer = connection.getresponse()
    answer.body = answer.read()  # type: ignore[attr-defined]  # kept beside it
    return answer


def test_a_tracking_server_logs_registers_and_loads_by_its_arn_and_shows_its_pages(
    clary: Clary, environment: Callable[[Path], Path]
) -> None:
    run([str(ROOT / ".venv/bin/python"), "-m", "clary.runtime.environment", "mlflow"], check=True)
    python = environment(CLIENTS / "v3.txt") / "python"
    sagemaker = clary.client("sagemaker")
    arn = sagemaker.create_mlflow_tracking_server(
        TrackingServerName="track", ArtifactStoreUri=STORE, RoleArn=ROLE, AutomaticModelRegistration=True
    )["TrackingServerArn"]

    def describe() -> Any:
        return sagemaker.describe_mlflow_tracking_server(TrackingServerName="track")

    told = until(describe, "TrackingServerStatus", "Created")
    assert told["IsActive"] == "Active"
    found = log(clary, python, arn, "one")
    assert found["artifacts"].startswith(STORE)
    del found["artifacts"]
    assert found == {
        "runs": 1,
        "rate": "0.1",
        "loss": pytest.approx(1 / 3),
        "points": 1000,
        "text": "kept in S3",
        "version": "READY",
        "predicted": [0, 1],
    }
    package = registered(clary, "model-one-2bb8bf")
    assert package["CustomerMetadataProperties"]["mlflow:server"] == arn
    [container] = package["InferenceSpecification"]["Containers"]
    assert (container["Framework"], package["ModelPackageStatus"]) == ("SKLEARN", "Completed")
    assert package["SourceUri"].startswith(STORE)
    assert "loss" in package["ModelCard"]["ModelCardContent"]
    component = finished(clary, arn)
    assert component["Parameters"]["rate"] == {"NumberValue": 0.1}
    assert {each["MetricName"]: each["Last"] for each in component["Metrics"]}["loss"] == pytest.approx(1 / 3)

    address = sagemaker.create_presigned_mlflow_tracking_server_url(TrackingServerName="track")[
        "AuthorizedUrl"
    ]
    opened = page(address)
    assert opened.status == 303
    cookie = str(opened.headers["set-cookie"])
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    pages = told["TrackingServerUrl"]
    shown = page(pages, cookie.partition(";")[0])
    assert (shown.status, shown.headers["x-frame-options"]) == (200, "SAMEORIGIN")
    assert page(pages).status == 403
    searched = page(f"{pages}ajax-api/2.0/mlflow/experiments/search?max_results=5", cookie.partition(";")[0])
    assert b"story-one" in searched.body  # type: ignore[attr-defined]

    sagemaker.stop_mlflow_tracking_server(TrackingServerName="track")
    assert until(describe, "TrackingServerStatus", "Stopped")["IsActive"] == "Inactive"
    assert b"StartMlflowTrackingServer" in page(pages, cookie.partition(";")[0]).body  # type: ignore[attr-defined]
    sagemaker.start_mlflow_tracking_server(TrackingServerName="track")
    until(describe, "TrackingServerStatus", "Started")
    searched = page(f"{pages}ajax-api/2.0/mlflow/experiments/search?max_results=5", cookie.partition(";")[0])
    assert b"story-one" in searched.body  # type: ignore[attr-defined]  # it outlived the run
    sagemaker.delete_mlflow_tracking_server(TrackingServerName="track")


def test_an_app_logs_registers_and_loads_by_its_arn(
    clary: Clary, environment: Callable[[Path], Path]
) -> None:
    python = environment(CLIENTS / "v3.txt") / "python"
    sagemaker = clary.client("sagemaker")
    arn = sagemaker.create_mlflow_app(Name="app", ArtifactStoreUri=STORE, RoleArn=ROLE)["Arn"]
    until(lambda: sagemaker.describe_mlflow_app(Arn=arn), "Status", "Created")
    assert log(clary, python, arn, "two")["predicted"] == [0, 1]
    sagemaker.delete_mlflow_app(Arn=arn)
