"""Images: what changes of one, and that its versions go with it."""

from __future__ import annotations

from clary.core.document import Document
from clary.operations import references
from clary.operations.registry import Call, before, operation
from clary.resources.studio.image import IMAGE, IMAGE_VERSION
from clary.store.records import Filter

_CHANGING = ("Description", "DisplayName", "RoleArn")


@before("sagemaker", "CreateImage")
def check(call: Call) -> None:
    """Refuse a role that is not there."""
    references.role(call, call.request["RoleArn"])


@operation("sagemaker", "UpdateImage")
def update(call: Call) -> Document:
    """Change what an image is called and said to be; its container images stay."""
    request = call.request
    if "RoleArn" in request:
        references.role(call, request["RoleArn"])
    gone = request.get("DeleteProperties", ())
    changes: Document = {
        name: request[name] for name in ("Description", "DisplayName", "RoleArn") if name in request
    }
    with call.records.database.write():
        image = call.records.update(call.records.get(IMAGE, request), changes, remove=gone)
    return {"ImageArn": image.arn}


@operation("sagemaker", "DeleteImage")
def delete(call: Call) -> None:
    """Remove an image with all its versions."""
    with call.records.database.write():
        image = call.records.get(IMAGE, call.request)
        where = [Filter("ImageName", "eq", image.name)]
        while held := call.records.page(IMAGE_VERSION, where=where, limit=100).records:
            for version in held:
                call.records.delete(version)
        call.records.delete(image)
