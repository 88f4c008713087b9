"""What calls about MLflow servers and apps decide: they are kept, and nothing starts them yet."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations import crud, references
from clary.operations.kinds import of
from clary.operations.registry import Call, before, completes, operation
from clary.resources.studio.mlflow import MLFLOW_TRACKING_SERVER

_WHY = "Clary keeps MLflow tracking servers but does not run them yet; see docs/reference/operations.md."


@before("sagemaker", "CreateMlflowTrackingServer")
@before("sagemaker", "CreateMlflowApp")
def check(call: Call) -> None:
    """Refuse a role or a bucket that is not there."""
    references.role(call, call.request["RoleArn"])
    references.bucket(call, call.request["ArtifactStoreUri"], "ArtifactStoreUri")


@completes("sagemaker", "UpdateMlflowTrackingServer")
def server_updated(call: Call) -> Document:
    """Say that nothing took the update up."""
    return {"TrackingServerStatus": "UpdateFailed"}


@completes("sagemaker", "UpdateMlflowApp")
def app_updated(call: Call) -> Document:
    """Say that nothing took the update up."""
    return {"Status": "UpdateFailed"}


@operation("sagemaker", "StartMlflowTrackingServer", level="stored")
@operation("sagemaker", "StopMlflowTrackingServer", level="stored")
def refuse(call: Call) -> Document:
    """Refuse to start or stop what nothing runs."""
    crud.named(of(MLFLOW_TRACKING_SERVER), call)
    raise ApiError(_WHY, code="ConflictException", status=400)
