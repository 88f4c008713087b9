"""Models of an MLflow server in the model registry: each version once, whoever is killed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.controllers.worlds import LEASE_OVER, ROLE, DyingRecords, Killed, World

from clary.controllers.studio.mlflow_world import MlflowServers
from clary.controllers.studio.registering import AT_ONCE, STREAM, group_of, log_group
from clary.core.document import Document
from clary.core.errors import AccessDenied, ApiError, ValidationError
from clary.resources.studio.mlflow import MLFLOW_TRACKING_SERVER
from clary.runtime.spec import Seen
from clary.store.log_reader import Window
from clary.store.records import Record

MLMODEL = b"""artifact_path: model
flavors:
  python_function:
    loader_module: mlflow.xgboost
  xgboost:
    code: null
    data: model.ubj
    xgb_version: 3.0.0
"""


class Mlflow(BaseHTTPRequestHandler):
    """Stands for MLflow's registry; `versions` of the server are what is in it."""

    server: Registry

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(place.query).items()}
        told: Document = {}
        if place.path.endswith("/model-versions/search"):
            newest = sorted(self.server.versions, key=lambda each: -each["creation_timestamp"])
            at, most = int(query.get("page_token", 0)), int(query["max_results"])
            told["model_versions"] = newest[at : at + most]
            if at + most < len(newest):
                told["next_page_token"] = str(at + most)
        elif place.path.endswith("/get-download-uri"):
            told["artifact_uri"] = f"s3://box/models/{query['name']}/{query['version']}"
        else:
            metrics = [{"key": "auc", "value": 0.9, "timestamp": 1, "step": 0}]
            told["run"] = {"data": {"metrics": metrics}, "info": {"run_id": query["run_id"]}}
        content = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        told: Document = {}
        if self.path.endswith("/experiments/search"):
            told["experiments"] = [{"experiment_id": "1", "name": "a study"}]
        else:
            assert asked["experiment_ids"] == ["1"]
            member, edge = asked["filter"].removeprefix("attributes.").split(" > ")
            found = [each for each in self.server.runs if each["info"].get(member, -1) > int(edge)]
            found.sort(key=lambda each: each["info"][member])
            at = int(asked.get("page_token", 0))
            told["runs"] = found[at : at + asked["max_results"]]
            if at + asked["max_results"] < len(found):
                told["next_page_token"] = str(at + asked["max_results"])
        content = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def address_string(self) -> str:
        return "local"

    def log_message(self, format: str, *args: object) -> None:
        return


class Registry(ThreadingUnixStreamServer):
    """Serves Mlflow."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), Mlflow)
        self.versions: list[Document] = []
        self.runs: list[Document] = []

    def run(self, name: str, began: int, ended: int | None = None, **data: object) -> None:
        """Let a run be as this says."""
        self.runs = [each for each in self.runs if each["info"]["run_id"] != name]
        info: Document = {
            "run_id": name, "run_name": f"run {name}", "experiment_id": "1", "start_time": began,
            "status": "FINISHED" if ended else "RUNNING", "artifact_uri": f"s3://box/{name}",
        }  # fmt: skip
        self.runs.append({"info": info | ({"end_time": ended} if ended else {}), "data": data})

    def add(self, name: str, number: int, at: int, **more: object) -> None:
        version = {"name": name, "version": str(number), "creation_timestamp": at, "status": "READY"}
        self.versions.append({**version, **more})


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    server = Registry(tmp_path / "s")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join(90)
    server.server_close()


class Door:
    """Stands for the calls of a role: keeps what it registers, as the registry does."""

    def __init__(self) -> None:
        self.groups: set[str] = set()
        self.packages: dict[str, Document] = {}
        self.refused: ApiError | None = None
        self.things: dict[str, Document] = {}
        self.created: list[str] = []

    def call(self, role: str, region: str, operation: str, request: Document, more: Document) -> Document:
        assert (role, region) == (ROLE, "us-east-1")
        if self.refused:
            raise self.refused
        if operation == "DescribeModelPackageGroup":
            if request["ModelPackageGroupName"] not in self.groups:
                raise ValidationError("ModelPackageGroup does not exist.")
        elif operation == "CreateModelPackageGroup":
            self.groups.add(request["ModelPackageGroupName"])
        elif (
            operation.startswith(("Describe", "Update", "Create")) and "ModelPackageGroupName" not in request
        ):
            self._thing(operation, request, more)
        elif operation == "AssociateTrialComponent":
            self.things[request["TrialComponentName"]]["in"] = request["TrialName"]
        else:
            assert self.packages.setdefault(request["ClientToken"], request) == request
        return {}

    def _thing(self, operation: str, request: Document, more: Document) -> None:
        kind = operation[6:] if operation[0] != "D" else operation[8:]
        name = request[f"{kind}Name"]
        if operation[0] == "C":
            assert name not in self.things
            self.created.append(name)
        elif name not in self.things:
            raise ApiError("It is not there.", code="ResourceNotFound", status=400)
        self.things[name] = {**self.things.get(name, {}), **request, **more}

    @property
    def made(self) -> list[tuple[str, str]]:
        told = [each["CustomerMetadataProperties"] for each in self.packages.values()]
        return [(each["mlflow:registered-model"], each["mlflow:version"]) for each in told]


class Life:
    """A server that answers, and whose models are to be registered."""

    def __init__(self, tmp_path: Path) -> None:
        world, self.door = World.make(tmp_path), Door()
        self.world = replace(world, means=replace(world.means, call_as=self.door.call))
        run = {"Uid": "run", "MadeOf": {"Store": "s3://box/ml", "Size": "Small"}, "Stream": "x/1"}
        doc: Document = {
            "TrackingServerName": "t", "ArtifactStoreUri": "s3://box/ml", "RoleArn": ROLE, "_Wanted": True,
            "_Run": run, "AutomaticModelRegistration": True, "TrackingServerStatus": "Created",
            "_Socket": str(tmp_path / "s"),
        }  # fmt: skip
        self.record = world.records.create(MLFLOW_TRACKING_SERVER, doc, due=world.clock.now())
        world.runtime.seen["run"] = Seen(phase="ready", socket=tmp_path / "s")

    def told(self) -> list[str]:
        """Return what was said of models that are not registered."""
        record = self.world.reread(self.record)
        place = (record.account, record.region, log_group(record), STREAM)
        read = self.world.means.logs.read(*place, Window(from_head=True))
        return [each.message for each in read.events]

    def tend(self, times: int = 3, records: DyingRecords | None = None) -> Record:
        for _ in range(times):
            controllers = [MlflowServers(self.world.means, MLFLOW_TRACKING_SERVER)]
            self.world.tend(controllers, records=records)
            self.world.later(timedelta(seconds=3))
        return self.world.reread(self.record)


def test_a_version_becomes_a_package_of_the_group_that_aws_names(tmp_path: Path, registry: Registry) -> None:
    life = Life(tmp_path)
    life.world.means.objects.put("box", "models/churn/1/MLmodel", MLMODEL)
    registry.add("churn", 1, 1000, run_id="r1", description="the first")
    life.tend()
    assert life.door.groups == {"churn-e3b98a"}  # the first six digits of SHA-256 of "t"
    [request] = life.door.packages.values()
    assert request["ModelPackageGroupName"] == "churn-e3b98a"
    assert (request["SourceUri"], request["ModelPackageDescription"]) == (
        "s3://box/models/churn/1",
        "the first",
    )
    [container] = request["InferenceSpecification"]["Containers"]
    assert container["Image"].endswith("/sagemaker-xgboost:1.7-1")
    assert container["ModelDataSource"]["S3DataSource"] == {
        "S3Uri": "s3://box/models/churn/1/model.ubj", "S3DataType": "S3Object", "CompressionType": "None",
    }  # fmt: skip
    [measured] = json.loads(request["ModelCard"]["ModelCardContent"])["evaluation_details"]
    assert measured["metric_groups"][0]["metric_data"] == [{"name": "auc", "type": "number", "value": 0.9}]
    assert request["CustomerMetadataProperties"]["mlflow:run-id"] == "r1"


def test_a_model_that_no_image_serves_as_it_is_claims_none(tmp_path: Path, registry: Registry) -> None:
    life = Life(tmp_path)
    life.world.means.objects.put("box", "models/m/1/MLmodel", b"flavors:\n  sklearn:\n    code: null\n")
    registry.add("m", 1, 1000)
    registry.add("m", 2, 2000)  # without a file MLmodel that can be read
    life.tend()
    first, second = (each["InferenceSpecification"]["Containers"] for each in life.door.packages.values())
    prefix = {"S3DataType": "S3Prefix", "CompressionType": "None"}
    assert first == [
        {
            "ModelDataSource": {"S3DataSource": {"S3Uri": "s3://box/models/m/1/", **prefix}},
            "Framework": "SKLEARN",
        }
    ]
    assert second == [{"ModelDataSource": {"S3DataSource": {"S3Uri": "s3://box/models/m/2/", **prefix}}}]


@pytest.mark.parametrize("dies_at", range(4))
def test_each_version_is_registered_once_in_order_whoever_is_killed(
    tmp_path: Path, registry: Registry, dies_at: int
) -> None:
    life = Life(tmp_path)
    for number in range(1, AT_ONCE + 6):
        registry.add("m", number, number * 1000)
    with pytest.raises(Killed):
        life.tend(dies_at + 2, DyingRecords(life.world.records, dies_at))
    life.world.later(LEASE_OVER)
    life.tend(4)
    registry.add("other", 1, (AT_ONCE + 5) * 1000)  # at the same time as the last one
    registry.add("late", 1, 1000 * AT_ONCE)  # committed after younger ones
    life.tend()
    ordered = [("m", str(number)) for number in range(1, AT_ONCE + 6)]
    assert life.door.made[:-2] == ordered
    assert set(life.door.made[-2:]) == {("other", "1"), ("late", "1")}


def test_what_the_role_may_not_do_is_in_the_log_and_done_once_it_may(
    tmp_path: Path, registry: Registry
) -> None:
    life = Life(tmp_path)
    life.door.refused = AccessDenied("The role may not perform sagemaker:CreateModelPackage.")
    registry.add("m", 1, 1000)
    life.tend()
    [told] = life.told()
    assert "sagemaker:CreateModelPackage" in told
    life.door.refused = None
    life.world.later(timedelta(seconds=60))
    life.tend()
    assert life.door.made == [("m", "1")]


def test_a_version_that_is_refused_keeps_no_other_out(tmp_path: Path, registry: Registry) -> None:
    life = Life(tmp_path)
    life.door.groups.add(group_of(life.record, "m"))
    life.door.refused = ApiError("It is odd.", code="LimitExceeded", status=400)
    registry.add("m", 1, 1000)
    life.tend()
    life.door.refused = None
    registry.add("m", 2, 2000)
    life.tend()
    assert life.door.made == [("m", "2")]
    assert "It is odd." in life.told()[0]


def test_nothing_is_registered_unless_it_was_asked_for(tmp_path: Path, registry: Registry) -> None:
    life = Life(tmp_path)
    life.world.records.update(life.record, {"AutomaticModelRegistration": False})
    registry.add("m", 1, 1000)
    life.tend()
    assert not life.door.made


def test_names_that_no_group_may_have_are_told_apart(tmp_path: Path) -> None:
    record = Life(tmp_path).record
    names = [group_of(record, each) for each in ("a b", "a_b", "a-b", "ä", "x" * 70, "x" * 71)]
    assert len(set(names)) == len(names)
    assert all(len(each) <= 63 and each.replace("-", "").isalnum() and each.isascii() for each in names)


def test_a_run_is_a_trial_component_from_its_beginning_and_has_its_measures_in_the_end(
    tmp_path: Path, registry: Registry
) -> None:
    life = Life(tmp_path)
    registry.run("r1", 1000, params=[{"key": "depth", "value": "3"}, {"key": "net", "value": "small"}])
    record = life.tend()
    found = life.door.things["mlflow-r1"]
    assert found["Status"] == {"PrimaryStatus": "InProgress"}
    assert found["Parameters"] == {"depth": {"NumberValue": 3.0}, "net": {"StringValue": "small"}}
    assert (found["DisplayName"], found["Source"]["SourceArn"]) == ("run-r1", record.arn)
    group = group_of(record, "a study")
    assert found["in"] == f"{group}-runs"
    assert life.door.things[group]["Description"] == "a study"
    registry.run("r1", 1000, 5000, metrics=[{"key": "auc", "value": 0.9, "timestamp": 4000, "step": 1}])
    life.tend()
    found = life.door.things["mlflow-r1"]
    assert found["Status"] == {"PrimaryStatus": "Completed"}
    [metric] = found["Metrics"]
    assert (metric["MetricName"], metric["Last"]) == ("auc", 0.9)
    assert life.door.created == ["mlflow-r1", group, f"{group}-runs"]


@pytest.mark.parametrize("dies_at", range(3))
def test_each_run_is_told_of_whoever_is_killed_and_whatever_its_clients_clock_says(
    tmp_path: Path, registry: Registry, dies_at: int
) -> None:
    life = Life(tmp_path)
    now = int(life.world.clock.now().timestamp() * 1000)
    for number in range(AT_ONCE + 5):
        registry.run(f"r{number}", now + number)
    registry.run("ahead", now + 10**8, now + 10**8 + 1)
    with pytest.raises(Killed):
        life.tend(dies_at + 2, DyingRecords(life.world.records, dies_at))
    life.world.later(LEASE_OVER)
    life.tend(5)
    registry.run("after", now + 1000, now + 1001)
    record = life.tend()
    names = {name for name in life.door.created if name.startswith("mlflow-")}
    assert names == {
        f"mlflow-{each}" for each in (*(f"r{number}" for number in range(AT_ONCE + 5)), "ahead", "after")
    }
    assert life.door.things["mlflow-after"]["Status"] == {"PrimaryStatus": "Completed"}
    before = dict(record.doc["_Followed"])
    assert life.tend().doc["_Followed"] == before
