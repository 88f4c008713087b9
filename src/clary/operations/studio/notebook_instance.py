"""What calls about notebook instances decide: what they name must be there, and nothing starts them yet."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations import references
from clary.operations.registry import Call, before, operation
from clary.resources.studio.code_repository import CODE_REPOSITORY
from clary.resources.studio.notebook_instance import NOTEBOOK_INSTANCE, NOTEBOOK_INSTANCE_LIFECYCLE_CONFIG
from clary.store.records import Record

_TAKEN_AWAY = {
    "DisassociateLifecycleConfig": "LifecycleConfigName",
    "DisassociateAcceleratorTypes": "AcceleratorTypes",
    "DisassociateDefaultCodeRepository": "DefaultCodeRepository",
    "DisassociateAdditionalCodeRepositories": "AdditionalCodeRepositories",
}


@before("sagemaker", "CreateNotebookInstance")
def check(call: Call) -> None:
    """Refuse an instance whose role, script or code is not there."""
    _check_named(call)


@operation("sagemaker", "UpdateNotebookInstance", level="stored")
def update(call: Call) -> None:
    """Change an instance that does not run."""
    request = call.request
    _check_named(call)
    gone = [member for flag, member in _TAKEN_AWAY.items() if request.get(flag)]
    if both := [member for member in gone if member in request]:
        raise ValidationError(f"The request both gives {both[0]} and takes it away.")
    kept = {"NotebookInstanceName", *_TAKEN_AWAY}
    changes = {member: value for member, value in request.items() if member not in kept}
    with call.records.database.write():
        instance = _in(call, ("Stopped", "Failed"), "Updating")
        call.records.update(instance, changes, remove=gone)


@operation("sagemaker", "StartNotebookInstance", level="stored")
def start(call: Call) -> None:
    """Refuse to start what has failed, as all have: nothing runs them yet."""
    _in(call, ("Stopped",), "Pending")


@operation("sagemaker", "StopNotebookInstance", level="stored")
def stop(call: Call) -> None:
    """Refuse to stop what does not run."""
    _in(call, ("InService",), "Stopping")


@operation("sagemaker", "DeleteNotebookInstance", level="stored")
def delete(call: Call) -> None:
    """Remove an instance that does not run."""
    with call.records.database.write():
        call.records.delete(_in(call, ("Stopped", "Failed"), "Deleting"))


@operation("sagemaker", "CreatePresignedNotebookInstanceUrl", level="stored")
def presign(call: Call) -> Document:
    """Refuse to lead to what does not run."""
    instance = _in(call, ("InService",), "InService")
    raise ValidationError(f"Nothing serves {instance.arn}; see docs/reference/operations.md.")


def _check_named(call: Call) -> None:
    request = call.request
    if "RoleArn" in request:
        references.role(call, request["RoleArn"])
    if name := request.get("LifecycleConfigName"):
        asked: Document = {"NotebookInstanceLifecycleConfigName": name}
        call.records.get(NOTEBOOK_INSTANCE_LIFECYCLE_CONFIG, asked)
    given = [request.get("DefaultCodeRepository"), *request.get("AdditionalCodeRepositories", ())]
    for repository in given:
        if repository and not repository.startswith("https://"):
            call.records.get(CODE_REPOSITORY, {"CodeRepositoryName": repository})


def _in(call: Call, allowed: tuple[str, ...], wanted: str) -> Record:
    """Return the instance if it is in one of these states, for it is to go to the wanted one."""
    instance = call.records.get(NOTEBOOK_INSTANCE, call.request)
    if instance.status not in allowed:  # evidence/studio-errors.md
        raise ValidationError(
            f"Status ({instance.status}) not in ([{', '.join(allowed)}]). "
            f"Unable to transition to ({wanted}) for Notebook Instance ({instance.arn})"
        )
    return instance
