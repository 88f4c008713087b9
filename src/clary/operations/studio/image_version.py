"""Versions of images: numbered one after the other, found by number, alias, or as the newest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from clary.core.document import Document, dumps
from clary.core.errors import ResourceInUse, ResourceNotFound, ValidationError
from clary.operations import crud, references
from clary.operations.computed_list import cut
from clary.operations.kinds import of
from clary.operations.registry import Call, operation
from clary.resources.studio.image import IMAGE, IMAGE_VERSION
from clary.store.records import Filter, Record

LAST = "_LastVersion"  # The image's member that remembers the number given last; none is given twice.
_CHANGING = (
    "VendorGuidance",
    "JobType",
    "MLFramework",
    "ProgrammingLang",
    "Processor",
    "Horovod",
    "ReleaseNotes",
)


@operation("sagemaker", "CreateImageVersion")
def create(call: Call) -> Document:
    """Keep the next version of an image; it is created if its container image is one that runs here."""
    request = call.request
    digest = hashlib.sha256(dumps(request).encode()).hexdigest()
    status = _status(call)
    with call.records.database.write():
        image = call.records.get(IMAGE, request)
        versions = list(_versions(call, image))
        for version in versions:
            if version.doc["ClientToken"] == request["ClientToken"]:
                return _repeated(version, digest)
        _check_free(versions, request.get("Aliases", ()))
        number = image.doc.get(LAST, 0) + 1
        call.records.update(image, {LAST: number}, touch=False)
        doc = {**request, **status, "Version": number, "ImageArn": image.arn, crud.REQUEST: digest}
        doc["ImageVersionArn"] = call.records.arn(IMAGE_VERSION, doc)
        return {"ImageVersionArn": call.records.create(IMAGE_VERSION, doc).arn}


@operation("sagemaker", "DescribeImageVersion")
def describe(call: Call) -> Document:
    """Answer a version by its number or its alias, else the newest."""
    return crud.described(of(IMAGE_VERSION), _version(call).doc)


@operation("sagemaker", "UpdateImageVersion")
def update(call: Call) -> Document:
    """Change what is said of a version, and its aliases."""
    request = call.request
    with call.records.database.write():
        version = _version(call)
        added = request.get("AliasesToAdd", [])
        others = [each for each in _versions(call, _image(call)) if each.uid != version.uid]
        _check_free(others, added)
        gone = set(request.get("AliasesToDelete", ()))
        kept = [alias for alias in version.doc.get("Aliases", []) if alias not in gone]
        changes = {member: request[member] for member in _CHANGING if member in request}
        changes["Aliases"] = list(dict.fromkeys([*kept, *added]))
        version = call.records.update(version, changes)
    return {"ImageVersionArn": version.arn}


@operation("sagemaker", "DeleteImageVersion")
def delete(call: Call) -> None:
    """Remove a version; its number is not given again."""
    if ("Version" in call.request) == ("Alias" in call.request):
        raise ValidationError("Give exactly one of Version and Alias.")
    with call.records.database.write():
        call.records.delete(_version(call))


@operation("sagemaker", "ListAliases")
def aliases(call: Call) -> Document:
    """Answer the aliases of an image, or of one of its versions."""
    request = call.request
    one = "Version" in request or "Alias" in request
    versions = [_version(call)] if one else list(_versions(call, _image(call)))
    names = [(alias, alias) for version in versions for alias in version.doc.get("Aliases", ())]
    page, more = cut(call, names, crud.page_size(request), request.get("NextToken"))
    told: Document = {"SageMakerImageVersionAliases": page}
    return {**told, "NextToken": more} if more else told


def _status(call: Call) -> Document:
    base = call.request["BaseImage"]
    try:
        references.image(call, base)
    except ValidationError as error:
        return {"ImageVersionStatus": "CREATE_FAILED", "FailureReason": error.message}
    return {"ImageVersionStatus": "CREATED", "ContainerImage": base}


def _image(call: Call) -> Record:
    return call.records.get(IMAGE, call.request)


def _versions(call: Call, image: Record) -> Iterator[Record]:
    """Yield an image's versions, the newest first."""
    token, where = None, [Filter("ImageName", "eq", image.name)]
    while True:
        cut_off = call.records.page(IMAGE_VERSION, where=where, limit=100, token=token)
        yield from cut_off.records
        token = cut_off.next_token
        if token is None:
            return


def _version(call: Call) -> Record:
    """Return the version that a request means; an absent one raises."""
    image, number, alias = _image(call), call.request.get("Version"), call.request.get("Alias")
    if number is not None and alias is not None:
        raise ValidationError("Give at most one of Version and Alias.")
    if number is not None:
        version = call.records.find(IMAGE_VERSION, f"{image.name}/{number}")
        wanted = f"ImageVersion {number}"
    else:
        of_alias = (v for v in _versions(call, image) if alias is None or alias in v.doc.get("Aliases", ()))
        version = next(of_alias, None)
        wanted = f"ImageVersion with Alias {alias}" if alias else "Latest ImageVersion"
    if version is None:
        raise ResourceNotFound(  # evidence/studio-errors.md
            f"{wanted} with ImageName {image.name} does not exist. Please provide a valid ImageName."
        )
    return version


def _check_free(versions: list[Record], wanted: list[str] | tuple[()]) -> None:
    for version in versions:
        if taken := sorted(set(wanted) & set(version.doc.get("Aliases", ()))):
            raise ResourceInUse(f"The alias {taken[0]} is that of {version.arn}; delete it there first.")


def _repeated(version: Record, digest: str) -> Document:
    if version.doc[crud.REQUEST] != digest:
        raise ResourceInUse(
            f"The ClientToken {version.doc['ClientToken']} was used for {version.arn} with another request."
        )
    return {"ImageVersionArn": version.arn}
