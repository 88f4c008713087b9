"""What calls about MLflow servers and apps decide; their controller runs them. See evidence/mlflow.md."""

from __future__ import annotations

import re
from functools import cache

from clary.core.document import Document
from clary.core.errors import ApiError, ValidationError
from clary.operations import crud, references
from clary.operations.kinds import of
from clary.operations.registry import Call, before, completes, operation
from clary.resources.spec import Resource
from clary.resources.studio.mlflow import MLFLOW_APP, MLFLOW_TRACKING_SERVER
from clary.runtime.images import resolve
from clary.store.records import Record


class Conflict(ApiError):
    """The server is not in a state in which this can be done."""

    code = "ConflictException"
    status = 400


@before("sagemaker", "CreateMlflowTrackingServer")
@before("sagemaker", "CreateMlflowApp")
def check(call: Call) -> None:
    """Refuse a role or a bucket that is not there, and a version that is not run here."""
    references.role(call, call.request["RoleArn"])
    _check_store(call)
    asked = call.request.get("MlflowVersion", "")
    if asked and asked.partition(".")[0] != version().partition(".")[0]:
        raise ValidationError(
            f"MlflowVersion {asked}: Clary runs MLflow {version()}, which serves every client of that major "
            f"version. Leave MlflowVersion out, or name {version()}."
        )


@completes("sagemaker", "CreateMlflowTrackingServer")
@completes("sagemaker", "CreateMlflowApp")
def created(call: Call) -> Document:
    """Say that it is to run, and which version, whichever of its like was asked for."""
    return {"MlflowVersion": version(), "_Wanted": True}


@operation("sagemaker", "UpdateMlflowTrackingServer", level="behaves")
def update_server(call: Call) -> Document:
    """Change a server; where it has to, it starts anew."""
    return _update(MLFLOW_TRACKING_SERVER, call)


@operation("sagemaker", "UpdateMlflowApp", level="behaves")
def update_app(call: Call) -> Document:
    """Change an app; where it has to, its server starts anew."""
    return _update(MLFLOW_APP, call)


@completes("sagemaker", "UpdateMlflowTrackingServer")
def server_updated(call: Call) -> Document:
    """Let the controller take the update up."""
    return {"TrackingServerStatus": "Updating"}


@completes("sagemaker", "UpdateMlflowApp")
def app_updated(call: Call) -> Document:
    """Let the controller take the update up. An app is always to run: it cannot be started or stopped."""
    return {"Status": "Updating", "_Wanted": True}


@operation("sagemaker", "StartMlflowTrackingServer", level="behaves")
def start(call: Call) -> Document:
    """Have a server run that was stopped, or that failed to."""
    with call.records.database.write():
        server = _settled(MLFLOW_TRACKING_SERVER, call)
        if server.doc["_Wanted"]:
            raise Conflict(f"Tracking server {server.name} is {server.status}: it is running already.")
        return _become(call, server, "Starting", wanted=True)


@operation("sagemaker", "StopMlflowTrackingServer", level="behaves")
def stop(call: Call) -> Document:
    """Have a server end; what it keeps stays."""
    with call.records.database.write():
        server = _settled(MLFLOW_TRACKING_SERVER, call)
        if not server.doc["_Wanted"]:
            raise Conflict(f"Tracking server {server.name} is {server.status}: it is not running.")
        return _become(call, server, "Stopping", wanted=False)


@operation("sagemaker", "DeleteMlflowTrackingServer", level="behaves")
def delete_server(call: Call) -> Document:
    """Have a server end, and forget all that it kept; artifacts stay in S3."""
    return _delete(MLFLOW_TRACKING_SERVER, call)


@operation("sagemaker", "DeleteMlflowApp", level="behaves")
def delete_app(call: Call) -> Document:
    """Have an app end, and forget all that it kept; artifacts stay in S3."""
    return _delete(MLFLOW_APP, call)


@cache
def version() -> str:
    """Return the version of MLflow that the image has."""
    found = re.search(r"^mlflow==([0-9.]+)", resolve("mlflow").lock(), re.M)
    if found is None:
        raise LookupError("the lock of the image mlflow names no mlflow")
    return found[1]


def _update(resource: Resource, call: Call) -> Document:
    if "ArtifactStoreUri" in call.request:
        _check_store(call)
    with call.records.database.write():
        _settled(resource, call)
        return crud.update(of(resource), call)


def _delete(resource: Resource, call: Call) -> Document:
    with call.records.database.write():
        record = crud.named(of(resource), call)
        changes: Document = {resource.status or "": "Deleting", "_Wanted": False}
        call.records.update(record, changes, due=call.clock.now())
    return {resource.arn_in(): record.arn}


def _become(call: Call, server: Record, status: str, *, wanted: bool) -> Document:
    changes: Document = {"TrackingServerStatus": status, "_Wanted": wanted}
    call.records.update(server, changes, remove=("_Losses", "_NotBefore"), due=call.clock.now())
    return {"TrackingServerArn": server.arn}


def _settled(resource: Resource, call: Call) -> Record:
    """Return the record that a request names, or raise Conflict while something is under way with it."""
    record = crud.named(of(resource), call)
    status = record.doc[resource.status or ""]
    if status in resource.passing:
        raise Conflict(f"{record.arn} is {status}. Wait until it is not, and ask again.")
    return record


def _check_store(call: Call) -> None:
    """Refuse an artifact store that is not there, or somebody else's than was said."""
    uri = call.request["ArtifactStoreUri"]
    references.bucket(call, uri, "ArtifactStoreUri")
    name, _ = references.split(uri, "ArtifactStoreUri")
    owner = call.request.get("S3BucketOwnerAccountId")
    found = call.objects.find_bucket(name)
    if owner and call.request.get("S3BucketOwnerVerification") and found and found.account != owner:
        raise ValidationError(
            f"S3BucketOwnerAccountId {owner}: the bucket {name} belongs to the account {found.account}."
        )
