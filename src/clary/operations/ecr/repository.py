"""ECR's repositories: those that users create, and the names under which Clary's own images are known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.tags import listed, retagged
from clary.engines.policy import Malformed, parse
from clary.operations.computed_list import cut
from clary.operations.permissions.on_resource import POLICY
from clary.operations.registry import Call, operation
from clary.resources.ecr.repository import REPOSITORY
from clary.runtime import images
from clary.store.records import Record

_PAGE = 100
_LIFECYCLE = "_LifecyclePolicy"
_SETTINGS = (
    "imageTagMutability",
    "imageTagMutabilityExclusionFilters",
    "imageScanningConfiguration",
    "encryptionConfiguration",
)


@operation("ecr", "CreateRepository")
def create(call: Call) -> Document:
    """Keep a repository."""
    if call.request["repositoryName"] in {name for name, _ in aliases(call)}:
        name = call.request["repositoryName"]
        raise ApiError(
            f"The repository with name '{name}' already exists in the registry with id '{call.account}'",
            code="RepositoryAlreadyExistsException",
            status=400,
        )
    doc = {name: call.request[name] for name in ("repositoryName", *_SETTINGS) if name in call.request}
    doc["Tags"] = call.request.get("tags", [])
    doc[REPOSITORY.arn_in()] = call.records.arn(REPOSITORY, doc)
    return {"repository": _told(call, call.records.create(REPOSITORY, doc))}


@operation("ecr", "DescribeRepositories")
def describe(call: Call) -> Document:
    """Answer the account's repositories and the names of Clary's own images."""
    check_registry(call)
    every = {name: _alias(call, name, when) for name, when in aliases(call)}
    every |= {record.name: _told(call, record) for record in call.records.each(REPOSITORY)}
    names = call.request.get("repositoryNames")
    for name in names or ():
        if name not in every:
            raise absent(call, name)
    chosen = [(name, every[name]) for name in names or every]
    limit, token = call.request.get("maxResults", _PAGE), call.request.get("nextToken")
    page, more = cut(call, chosen, limit, token, refused="InvalidParameterException")
    return {"repositories": page} | ({"nextToken": more} if more else {})


@operation("ecr", "DeleteRepository")
def delete(call: Call) -> Document:
    """Forget a repository."""
    with call.records.database.write():
        record = find(call)
        call.records.delete(record)
    return {"repository": _told(call, record)}


@operation("ecr", "SetRepositoryPolicy")
def set_policy(call: Call) -> Document:
    """Keep a repository's policy."""
    text = call.request["policyText"]
    try:
        parse(text, "own", source="resource")
    except Malformed as error:
        raise ApiError(
            f"Invalid parameter at 'PolicyText': it is not a valid policy ({error}).",
            code="InvalidParameterException",
            status=400,
        ) from error
    record = _write(call, {POLICY: text})
    return {"registryId": call.account, "repositoryName": record.name, "policyText": text}


@operation("ecr", "GetRepositoryPolicy")
def get_policy(call: Call) -> Document:
    """Answer a repository's policy."""
    return _text(
        call, find(call), POLICY, "policyText", "RepositoryPolicyNotFoundException", "Repository policy"
    )


@operation("ecr", "DeleteRepositoryPolicy")
def delete_policy(call: Call) -> Document:
    """Take a repository's policy away."""
    answer = _policy(call)
    _write(call, {POLICY: None})
    return answer


@operation("ecr", "PutLifecyclePolicy", level="stored")
def put_lifecycle(call: Call) -> Document:
    """Keep a lifecycle policy; without images there is nothing that it could expire."""
    text = call.request["lifecyclePolicyText"]
    record = _write(call, {_LIFECYCLE: text})
    return {"registryId": call.account, "repositoryName": record.name, "lifecyclePolicyText": text}


@operation("ecr", "GetLifecyclePolicy", level="stored")
def get_lifecycle(call: Call) -> Document:
    """Answer a repository's lifecycle policy."""
    return _lifecycle(call)


@operation("ecr", "DeleteLifecyclePolicy", level="stored")
def delete_lifecycle(call: Call) -> Document:
    """Take a repository's lifecycle policy away."""
    answer = _lifecycle(call)
    _write(call, {_LIFECYCLE: None})
    return answer


@operation("ecr", "PutImageTagMutability", level="stored")
def put_mutability(call: Call) -> Document:
    """Keep whether tags may move."""
    return _set(call, "imageTagMutability")


@operation("ecr", "PutImageScanningConfiguration", level="stored")
def put_scanning(call: Call) -> Document:
    """Keep whether images are to be scanned; nothing scans them."""
    return _set(call, "imageScanningConfiguration")


@operation("ecr", "TagResource")
def tag(call: Call) -> None:
    """Add tags to a repository, or replace their values."""
    with call.records.database.write():
        record = _by_arn(call)
        tags = retagged(record.doc.get("Tags"), call.request["tags"])
        call.records.update(record, {"Tags": listed(tags)})


@operation("ecr", "UntagResource")
def untag(call: Call) -> None:
    """Take tags off a repository."""
    with call.records.database.write():
        record = _by_arn(call)
        tags = retagged(record.doc.get("Tags"), gone=set(call.request["tagKeys"]))
        call.records.update(record, {"Tags": listed(tags)})


@operation("ecr", "ListTagsForResource")
def list_tags(call: Call) -> Document:
    """Answer a repository's tags."""
    return {"tags": _by_arn(call).doc.get("Tags", [])}


def aliases(call: Call) -> Iterator[tuple[str, datetime]]:
    """Yield the names of Clary's own images, and since when they are what they are."""
    folders = (call.settings.home.root / "images",)
    for image in images.catalogue(folders):
        made = datetime.fromtimestamp((image.folder / "image.toml").stat().st_mtime, tz=UTC)
        for name in image.repositories:
            yield name, made


def find(call: Call) -> Record:
    """Return the repository that a request names."""
    check_registry(call)
    record = call.records.find(REPOSITORY, call.request["repositoryName"])
    if record is None:
        raise absent(call, call.request["repositoryName"])
    return record


def check_registry(call: Call) -> None:
    """Refuse another account's registry."""
    registry = call.request.get("registryId", call.account)
    if registry != call.account:
        raise ApiError(
            f"The registry {registry} is not the caller's; ask as an account of that number.",
            code="InvalidParameterException",
            status=400,
        )


def absent(call: Call, name: str) -> ApiError:
    """Return the error that says a repository is not there."""
    return ApiError(
        f"The repository with name '{name}' does not exist in the registry with id '{call.account}'",
        code="RepositoryNotFoundException",
        status=400,
    )


def _told(call: Call, record: Record) -> Document:
    doc = record.doc
    return {
        **_place(call, record.name, record.created),
        "imageTagMutability": doc.get("imageTagMutability", "MUTABLE"),
        "imageScanningConfiguration": doc.get("imageScanningConfiguration", {"scanOnPush": False}),
        "encryptionConfiguration": doc.get("encryptionConfiguration", {"encryptionType": "AES256"}),
    }


def _alias(call: Call, name: str, made: datetime) -> Document:
    return {**_place(call, name, made), "imageTagMutability": "IMMUTABLE"}


def _place(call: Call, name: str, made: datetime) -> Document:
    return {
        "repositoryArn": f"arn:aws:ecr:{call.region}:{call.account}:repository/{name}",
        "registryId": call.account,
        "repositoryName": name,
        "repositoryUri": f"{call.account}.dkr.ecr.{call.region}.amazonaws.com/{name}",
        "createdAt": made,
    }


def _write(call: Call, changes: Document) -> Record:
    with call.records.database.write():
        return call.records.update(find(call), changes)


def _set(call: Call, member: str) -> Document:
    value = call.request[member]
    record = _write(call, {member: value})
    return {"registryId": call.account, "repositoryName": record.name, member: value}


def _policy(call: Call) -> Document:
    code, what = "RepositoryPolicyNotFoundException", "Repository policy"
    return _text(call, find(call), POLICY, "policyText", code, what)


def _lifecycle(call: Call) -> Document:
    code, what = "LifecyclePolicyNotFoundException", "Lifecycle policy"
    return _text(call, find(call), _LIFECYCLE, "lifecyclePolicyText", code, what)


def _text(call: Call, record: Record, member: str, shown: str, code: str, what: str) -> Document:
    text = record.doc.get(member)
    if text is None:
        raise ApiError(
            f"{what} does not exist for the repository with name '{record.name}' in the registry with id "
            f"'{call.account}'",
            code=code,
            status=400,
        )
    return {"registryId": call.account, "repositoryName": record.name, shown: text}


def _by_arn(call: Call) -> Record:
    record = call.records.by_arn(call.request["resourceArn"])
    if record is None or (record.kind, record.account) != (REPOSITORY.kind, call.account):
        raise absent(call, call.request["resourceArn"].rpartition("/")[2])
    return record
