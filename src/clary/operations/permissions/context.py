"""Condition keys that every request has: who calls, when, for which region, with which tags."""

from __future__ import annotations

from datetime import datetime

from clary.core.document import Document
from clary.core.principal import Principal
from clary.core.tags import tags_of

_TYPES = {
    "root": "Account",
    "user": "User",
    "assumed-role": "AssumedRole",
    "federated": "FederatedUser",
    "anonymous": "Anonymous",
}
Values = dict[str, tuple[str, ...]]


def of_caller(principal: Principal, now: datetime) -> Values:
    """Return what conditions may ask about the caller and the time."""
    context: Values = {
        "aws:principalarn": (principal.grants,),
        "aws:principalaccount": (principal.account,),
        "aws:principaltype": (_TYPES[principal.kind],),
        "aws:userid": (principal.user_id,),
        "aws:currenttime": (now.isoformat(timespec="seconds"),),
        "aws:epochtime": (str(int(now.timestamp())),),
        "aws:principalisawsservice": ("false",),
        "aws:viaawsservice": ("false",),
    }
    if principal.temporary:
        context["aws:multifactorauthpresent"] = ("false",)  # long-term keys do not carry it
    if principal.kind == "user":
        context["aws:username"] = (principal.grants.rsplit("/", 1)[-1],)
    if principal.source_identity:
        context["aws:sourceidentity"] = (principal.source_identity,)
    for name, value in principal.tags.items():
        context[f"aws:principaltag/{name.lower()}"] = (value,)
    return context


def of_request(request: Document, region: str) -> Values:
    """Return what conditions may ask about the request."""
    context: Values = {"aws:requestedregion": (region,)}
    tags = tags_of(request.get("Tags") or request.get("tags"))
    if tags:
        context["aws:tagkeys"] = tuple(tags)
    elif isinstance(request.get("TagKeys"), list):
        context["aws:tagkeys"] = tuple(str(name) for name in request["TagKeys"])
    for name, value in tags.items():
        context[f"aws:requesttag/{name.lower()}"] = (value,)
    return context


def of_tags(prefix: str, tags: dict[str, str]) -> Values:
    """Return tags as condition keys under `prefix`."""
    return {f"{prefix}/{name.lower()}": (value,) for name, value in tags.items()}
