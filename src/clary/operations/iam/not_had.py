"""What no user and no account can have here, listed as what it is: none."""

from __future__ import annotations

from functools import partial

from clary.core.document import Document
from clary.operations.iam.answers import mine
from clary.operations.iam.user import named
from clary.operations.registry import Call, operation
from clary.resources.iam.user import USER

_OF_USERS = {
    "ListMFADevices": "MFADevices",
    "ListSigningCertificates": "Certificates",
    "ListSSHPublicKeys": "SSHPublicKeys",
    "ListServiceSpecificCredentials": "ServiceSpecificCredentials",
}
_OF_THE_ACCOUNT = {
    "ListVirtualMFADevices": "VirtualMFADevices",
    "ListServerCertificates": "ServerCertificateMetadataList",
}


def none_of_user(member: str, call: Call) -> Document:
    """Answer that a user has none; an absent user is an error."""
    if "UserName" in call.request:
        mine(call).get(USER, call.request)
    elif call.principal.kind == "user":
        named(call)
    return {member: [], "IsTruncated": False}


def none(member: str, call: Call) -> Document:
    """Answer that the account has none."""
    return {member: [], "IsTruncated": False}


for _name, _member in _OF_USERS.items():
    operation("iam", _name)(partial(none_of_user, _member))
for _name, _member in _OF_THE_ACCOUNT.items():
    operation("iam", _name)(partial(none, _member))
