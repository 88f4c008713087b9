"""Versions of models that were registered with an MLflow server, as versions in the model registry.

`_Registered` remembers how far that is: `Until`, when the newest that is there was created, and `Done`, which
of the last minute are. Each package has a token of the version it is of, so that a version that is registered
again after a controller's death is the same package. Evidence: docs/evidence/mlflow.md.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile

from clary.controllers.means import Means
from clary.controllers.s3 import DataFault
from clary.controllers.studio.mlflow_api import Client
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.store.records import Record

LATE = 60_000  # ms that a version may be committed after the time it says it was created
AT_ONCE = 20  # versions a step
LONGEST_NAME = 63
_MOST_METRICS = 100
_KEPT = re.compile(r"[^\w\s.:/=+\-@]")  # what a package's metadata cannot hold
_FLAVORS = {"sklearn": "SKLEARN", "xgboost": "XGBOOST", "pytorch": "PYTORCH", "tensorflow": "TENSORFLOW"}
"""What MLflow calls frameworks, and what packages do."""

_ROLES_FAULT = ("AccessDeniedException", "NoSuchEntity")
"""What goes for every version until somebody mends it; what else is refused is refused of the one version."""

STREAM = "model-registration"
GROUPS = {
    "MlflowTrackingServer": "/aws/sagemaker/MlflowTrackingServers",
    "MlflowApp": "/aws/sagemaker/MlflowApps",
}
XGBOOST = "683313688378.dkr.ecr.{region}.amazonaws.com/sagemaker-xgboost:1.7-1"


def wanted(doc: Document) -> bool:
    """Tell whether a server's models are to be registered."""
    enabled: bool = doc.get("AutomaticModelRegistration", False)
    return enabled or doc.get("ModelRegistrationMode") == "AutoModelRegistrationEnabled"


def log_group(server: Record) -> str:
    """Name the group that a server's log is in."""
    return f"{GROUPS[server.kind]}/{server.doc.get('TrackingServerName') or server.doc['Name']}"


@contextmanager
def said_of_it(means: Means, server: Record, what: str) -> Iterator[None]:
    """Let what is refused of one thing be said, and go on; what goes for all of them is raised."""
    try:
        yield
    except ApiError as error:
        if error.status >= 500 or error.code in _ROLES_FAULT:
            raise
        say(means, server, f"{what}: {error.message}")


def say(means: Means, server: Record, words: str) -> None:
    """Tell in the server's log, beside what it prints, what became of its models."""
    place = (server.account, server.region, log_group(server), STREAM)
    means.logs.put(*place, [(int(means.records.clock.now().timestamp() * 1000), words)])


def group_of(server: Record, model: str) -> str:
    """Name the group of a registered model: AWS's name where it is one, else one that no other model has."""
    last = server.arn.rpartition("/")[2]
    suffix = _digest(last)[:6]
    plain = re.sub(r"[^a-zA-Z0-9]+", "-", model).strip("-")
    if plain == model and len(f"{model}-{suffix}") <= LONGEST_NAME:
        return f"{model}-{suffix}"
    return f"{plain[:48].rstrip('-') or 'model'}-{_digest(model)[:6]}-{suffix}"


def register(means: Means, server: Record, client: Client) -> tuple[Document, bool]:
    """Register what is new, oldest first; return how far that came and whether that is all.

    What the role may not do raises an ApiError.
    """
    before: Document = server.doc.get("_Registered", {"Until": 0, "Done": []})
    new = list(_new(client, before))
    until, done = before["Until"], set(before["Done"])
    for version in reversed(new[-AT_ONCE:]):
        which = f"Version {version['version']} of the model {version['name']!r}"
        with said_of_it(means, server, f"{which} is not in the model registry"):
            _package(means, server, client, version)
        until = max(until, int(version["creation_timestamp"]))
        done.add(_key(version))
    recent = sorted(key for key in done if int(key.partition("/")[0]) > until - LATE)
    return {"Until": until, "Done": recent}, len(new) <= AT_ONCE


def _new(client: Client, before: Document) -> Iterator[Document]:
    """Yield the versions that are not there, the newest first."""
    edge, done = before["Until"] - LATE, set(before["Done"])
    for version in takewhile(lambda each: int(each["creation_timestamp"]) > edge, client.newest_versions()):
        if _key(version) not in done and version.get("status") != "FAILED_REGISTRATION":
            yield version


def _key(version: Document) -> str:
    return f"{version['creation_timestamp']}/{version['name']}/{version['version']}"


def _package(means: Means, server: Record, client: Client, version: Document) -> None:
    """Make the package of a version, and the group where it is the first."""
    role, region = server.doc["RoleArn"], server.region
    group = group_of(server, version["name"])
    named = {"ModelPackageGroupName": group}
    try:
        means.call_as(role, region, "DescribeModelPackageGroup", named, {})
    except ApiError as error:
        if error.code != "ValidationException":
            raise
        told = f"The model {version['name'][:200]} of {server.arn}"
        means.call_as(
            role, region, "CreateModelPackageGroup", {**named, "ModelPackageGroupDescription": told}, {}
        )
    try:
        means.call_as(role, region, "CreateModelPackage", _request(means, server, client, version, group), {})
    except ApiError as error:
        if error.code != "ConflictException":  # made before, when its run had other metrics
            raise


def _request(means: Means, server: Record, client: Client, version: Document, group: str) -> Document:
    name, number, run = version["name"], version["version"], version.get("run_id", "")
    uri = client.get("model-versions/get-download-uri", name=name, version=number)["artifact_uri"].rstrip("/")
    about = {"mlflow:registered-model": name, "mlflow:version": number, "mlflow:server": server.arn}
    if run:
        about["mlflow:run-id"] = run
    request: Document = {
        "ModelPackageGroupName": group,
        "ClientToken": _digest(f"{server.uid}/{_key(version)}")[:32],
        "SourceUri": uri,
        "CustomerMetadataProperties": {key: _KEPT.sub("_", value)[:256] for key, value in about.items()},
    }
    if description := version.get("description"):
        request["ModelPackageDescription"] = description[:1024]
    if uri.startswith("s3://"):
        request["InferenceSpecification"] = {"Containers": [_container(means, server, uri)]}
    if run and (metrics := _metrics(client, run)):
        measured = {"name": f"MLflow run {run}", "metric_groups": [{"name": "run", "metric_data": metrics}]}
        content = json.dumps({"evaluation_details": [measured]})
        request["ModelCard"] = {"ModelCardContent": content, "ModelCardStatus": "Draft"}
    return request


def _container(means: Means, server: Record, uri: str) -> Document:
    """Describe a model: with an image where one of ours serves it as it is, else by its data alone."""
    whole = {"S3Uri": f"{uri}/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    flavors = _flavors(means, server, uri)
    known = next((name for name in _FLAVORS if name in flavors), "")
    if known == "xgboost" and (data := flavors[known].get("data")):
        alone = {"S3Uri": f"{uri}/{data}", "S3DataType": "S3Object", "CompressionType": "None"}
        image = XGBOOST.format(region=server.region)
        return {"Image": image, "ModelDataSource": {"S3DataSource": alone}, "Framework": _FLAVORS[known]}
    framework = {"Framework": _FLAVORS[known]} if known else {}
    return {"ModelDataSource": {"S3DataSource": whole}, **framework}


def _flavors(means: Means, server: Record, uri: str) -> dict[str, dict[str, str]]:
    """Read which frameworks load a model, and with what, from its file MLmodel as MLflow writes it."""
    try:
        path = means.as_role(server.doc["RoleArn"]).one(f"{uri}/MLmodel")
        with path.open(encoding="utf-8", errors="replace") as file:
            lines = file.read(1 << 20).splitlines()
    except (DataFault, OSError):
        return {}
    found: dict[str, dict[str, str]] = {}
    inside = name = ""
    for line in lines:
        if match := re.fullmatch(r"( *)([\w.-]+):(?: (.*))?", line):
            depth, key, value = len(match[1]), match[2], (match[3] or "").strip("'\"")
            if depth == 0:
                inside = key
            elif inside == "flavors" and depth == 2:
                name = key
                found[name] = {}
            elif inside == "flavors" and depth == 4 and name:
                found[name][key] = value
    return found


def _metrics(client: Client, run: str) -> list[Document]:
    """Return what a run measured last of each, as a model card tells it."""
    measured = client.get("runs/get", run_id=run)["run"].get("data", {}).get("metrics", ())
    return [
        {"name": each["key"], "type": "number", "value": each["value"]}
        for each in measured[:_MOST_METRICS]
        if isinstance(each.get("value"), int | float) and math.isfinite(each["value"])
    ]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
