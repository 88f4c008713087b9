"""ECR's images: Clary's own are listed under their names; a repository that a user made has none yet."""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import timedelta

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.computed_list import cut
from clary.operations.ecr.repository import aliases, check_registry, find
from clary.operations.registry import Call, operation
from clary.runtime import images

_PAGE = 100
_TOKEN_LIFE = timedelta(hours=12)  # GetAuthorizationToken's documentation.


@operation("ecr", "GetAuthorizationToken", level="stored")
def token(call: Call) -> Document:
    """Answer a password in the form `docker login` takes; there is no registry to use it with yet."""
    told = [
        {
            "authorizationToken": base64.b64encode(f"AWS:{secrets.token_urlsafe(48)}".encode()).decode(),
            "expiresAt": call.clock.now() + _TOKEN_LIFE,
            "proxyEndpoint": f"https://{registry}.dkr.ecr.{call.region}.amazonaws.com",
        }
        for registry in call.request.get("registryIds") or [call.account]
    ]
    return {"authorizationData": told}


@operation("ecr", "ListImages")
def list_images(call: Call) -> Document:
    """Answer the identifiers of a repository's images."""
    told = [
        (each["imageDigest"], {"imageDigest": each["imageDigest"], "imageTag": tag})
        for each in _images(call)
        for tag in each["imageTags"]
    ]
    return _page(call, "imageIds", told)


@operation("ecr", "DescribeImages")
def describe(call: Call) -> Document:
    """Answer a repository's images."""
    found = _images(call)
    for asked in call.request.get("imageIds", ()):
        if not any(_is(image, asked) for image in found):
            raise ApiError(
                f"The image with imageId {asked} does not exist within the repository with name "
                f"'{call.request['repositoryName']}' in the registry with id '{call.account}'",
                code="ImageNotFoundException",
                status=400,
            )
    asked_for = call.request.get("imageIds")
    chosen = [i for i in found if asked_for is None or any(_is(i, asked) for asked in asked_for)]
    return _page(call, "imageDetails", [(image["imageDigest"], image) for image in chosen])


@operation("ecr", "BatchGetImage", level="stored")
def batch_get(call: Call) -> Document:
    """Answer that no image has a manifest: Clary's own are environments, not layers."""
    _images(call)
    failures = [
        {
            "imageId": asked,
            "failureCode": "ImageNotFound",
            "failureReason": "Requested image not found: Clary keeps no layers yet",
        }
        for asked in call.request["imageIds"]
    ]
    return {"images": [], "failures": failures}


@operation("ecr", "DescribeRegistry", level="stored")
def describe_registry(call: Call) -> Document:
    """Answer the account's registry, which replicates nothing."""
    return {"registryId": call.account, "replicationConfiguration": {"rules": []}}


def _images(call: Call) -> list[Document]:
    check_registry(call)
    name = call.request["repositoryName"]
    made = dict(aliases(call))
    if name not in made:
        find(call)
        return []
    image = images.resolve(name, (call.settings.home.root / "images",))
    digest = hashlib.sha256(f"{image.name}\0{image.lock()}".encode()).hexdigest()
    return [
        {
            "registryId": call.account,
            "repositoryName": name,
            "imageDigest": f"sha256:{digest}",
            "imageTags": ["latest"],
            "imagePushedAt": made[name],
        }
    ]


def _is(image: Document, asked: Document) -> bool:
    """Tell whether an identifier means an image; any tag of Clary's own images does."""
    digest = asked.get("imageDigest")
    return digest in (None, image["imageDigest"]) and (digest is not None or "imageTag" in asked)


def _page(call: Call, name: str, items: list[tuple[str, Document]]) -> Document:
    limit, token_ = call.request.get("maxResults", _PAGE), call.request.get("nextToken")
    found, more = cut(call, items, limit, token_, refused="InvalidParameterException")
    return {name: found} | ({"nextToken": more} if more else {})
