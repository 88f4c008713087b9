"""Managed MLflow with the clients that everybody has: mlflow and its sagemaker-mlflow plugin, unmodified."""

from __future__ import annotations

import hashlib
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
    while not sagemaker.list_model_package_groups(NameContains=group)["ModelPackageGroupSummaryList"]:
        assert time.monotonic() < end, sagemaker.list_model_package_groups()
        time.sleep(0.2)
    while not (
        found := sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    ):
        assert time.monotonic() < end
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
    while True:  # it is put into its experiment after it is made
        experiments = [each["ExperimentName"] for each in sagemaker.list_experiments()["ExperimentSummaries"]]
        inside = [sagemaker.list_trial_components(ExperimentName=each) for each in experiments]
        if [len(each["TrialComponentSummaries"]) for each in inside] == [1]:
            break
        assert time.monotonic() < end, inside
        time.sleep(0.2)
    return sagemaker.describe_trial_component(TrialComponentName=listed["TrialComponentName"])


def page(url: str, cookie: str = "", method: str = "GET", body: str = "") -> http.client.HTTPResponse:
    """Ask for a page as a browser does; its body is read."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=90)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    headers = {"Cookie": cookie} if cookie else {}
    connection.request(method, target, body or None, {**headers, "Content-Type": "application/json"})
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


BOOSTED = """
import sys
import numpy, xgboost
rows = numpy.arange(20.0).reshape(-1, 2)
xgboost.XGBClassifier(n_estimators=5).fit(rows, (rows[:, 0] > 9).astype(int)).save_model(sys.argv[1])
"""
MLMODEL = b"""flavors:
  python_function:
    data: model.ubj
  xgboost:
    code: null
    data: model.ubj
    model_class: xgboost.sklearn.XGBClassifier
"""


def test_a_model_of_xgboost_is_approved_and_deployed_as_it_was_registered(
    clary: Clary, tmp_path: Path
) -> None:
    build = [str(ROOT / ".venv/bin/python"), "-m", "clary.runtime.environment", "sagemaker-xgboost"]
    python = run(build, check=True).stdout.split()[-1] + "/bin/python"
    run([python, "-c", BOOSTED, str(tmp_path / "model.ubj")], check=True)
    bucket, _, prefix = STORE.removeprefix("s3://").partition("/")
    s3, sagemaker = clary.client("s3"), clary.client("sagemaker")
    s3.upload_file(str(tmp_path / "model.ubj"), bucket, f"{prefix}/boosted/model.ubj")
    s3.put_object(Bucket=bucket, Key=f"{prefix}/boosted/MLmodel", Body=MLMODEL)
    mode = "AutoModelRegistrationEnabled"
    asked = {"Name": "boosts", "ArtifactStoreUri": STORE, "RoleArn": ROLE, "ModelRegistrationMode": mode}
    arn = sagemaker.create_mlflow_app(**asked)["Arn"]
    until(lambda: sagemaker.describe_mlflow_app(Arn=arn), "Status", "Created")
    opened = page(sagemaker.create_presigned_mlflow_app_url(Arn=arn)["AuthorizedUrl"])
    cookie, place = (
        str(opened.headers["set-cookie"]).partition(";")[0],
        f"{sagemaker.meta.endpoint_url}{opened.headers['location']}",
    )
    for kind, body in (
        ("registered-models", {"name": "boosted"}),
        ("model-versions", {"name": "boosted", "source": f"{STORE}/boosted"}),
    ):
        told = page(f"{place}ajax-api/2.0/mlflow/{kind}/create", cookie, "POST", body=json.dumps(body))
        assert told.status == 200, told.body  # type: ignore[attr-defined]
    package = registered(clary, f"boosted-{hashlib.sha256(arn.rpartition('/')[2].encode()).hexdigest()[:6]}")
    package_arn = package["ModelPackageArn"]
    sagemaker.update_model_package(ModelPackageArn=package_arn, ModelApprovalStatus="Approved")
    sagemaker.create_model(
        ModelName="boosted", ExecutionRoleArn=ROLE, PrimaryContainer={"ModelPackageName": package_arn}
    )
    variant = {"VariantName": "A", "ModelName": "boosted", "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(
        EndpointConfigName="boosted", ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
    )
    sagemaker.create_endpoint(EndpointName="boosted", EndpointConfigName="boosted")
    until(lambda: sagemaker.describe_endpoint(EndpointName="boosted"), "EndpointStatus", "InService")
    invoke = clary.client("sagemaker-runtime").invoke_endpoint
    answer = invoke(EndpointName="boosted", ContentType="text/csv", Body="1,2\n18,19")["Body"].read().decode()
    low, high = (float(each) for each in answer.split())
    assert low < 0.5 < high
    sagemaker.delete_endpoint(EndpointName="boosted")
    sagemaker.delete_mlflow_app(Arn=arn)
