"""CreateAccount: another account, furnished like the server's own, with a role for the management account."""

from __future__ import annotations

import secrets

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.tags import tags_of
from clary.operations import bootstrap
from clary.operations.organizations.organization import accounts, page, require_management
from clary.operations.registry import Call, operation
from clary.resources.iam.role import ROLE
from clary.resources.organizations.account import ACCOUNT
from clary.resources.organizations.create_account_status import CREATE_ACCOUNT_STATUS
from clary.store.records import Records

ID_TAG = "clary:account-id"
"""Tag of CreateAccount that chooses the account's number, which Organizations' own members cannot."""
ACCESS_ROLE = "OrganizationAccountAccessRole"
_SHOWN = (
    "Id",
    "AccountName",
    "State",
    "RequestedTimestamp",
    "CompletedTimestamp",
    "AccountId",
    "FailureReason",
)


@operation("organizations", "CreateAccount")
def create_account(call: Call) -> Document:
    """Make an account at once; the answer says SUCCEEDED, or FAILED with the reason."""
    require_management(call)
    request, now = call.request, call.clock.now()
    status: Document = {
        "Id": f"car-{secrets.token_hex(16)}",
        "AccountName": request["AccountName"],
        "RequestedTimestamp": now,
        "CompletedTimestamp": now,
    }
    with call.records.database.write():
        if any(a.doc["Email"] == request["Email"] and a.status == "ACTIVE" for a in accounts(call)):
            status |= {"State": "FAILED", "FailureReason": "EMAIL_ALREADY_EXISTS"}
        else:
            status |= {"State": "SUCCEEDED", "AccountId": _make(call)}
        _statuses(call).create(CREATE_ACCOUNT_STATUS, status)
    return {"CreateAccountStatus": status}


@operation("organizations", "DescribeCreateAccountStatus")
def describe_create_account_status(call: Call) -> Document:
    """Say what became of a CreateAccount."""
    require_management(call)
    record = _statuses(call).get(CREATE_ACCOUNT_STATUS, {"Id": call.request["CreateAccountRequestId"]})
    return {"CreateAccountStatus": _shown(record.doc)}


@operation("organizations", "ListCreateAccountStatus")
def list_create_account_status(call: Call) -> Document:
    """List what became of each CreateAccount."""
    require_management(call)
    states = call.request.get("States") or ("IN_PROGRESS", "SUCCEEDED", "FAILED")
    found = [one for one in _statuses(call).each(CREATE_ACCOUNT_STATUS) if one.status in states]
    return page(call, "CreateAccountStatuses", [(one.name, _shown(one.doc)) for one in found])


def _make(call: Call) -> str:
    request, account = call.request, _number(call)
    mine = call.records.scoped(account, "")
    master = call.settings.account
    management = call.records.scoped(master, "").get(ACCOUNT, {"AccountId": master})
    organization = management.doc["OrganizationId"]
    mine.create(
        ACCOUNT,
        {
            "AccountId": account,
            "OrganizationId": organization,
            "Arn": f"arn:aws:organizations::{master}:account/{organization}/{account}",
            "Name": request["AccountName"],
            "Email": request["Email"],
            "Status": "ACTIVE",
            "JoinedMethod": "CREATED",
            "JoinedTimestamp": call.clock.now(),
            "Tags": [tag for tag in request.get("Tags") or () if tag["Key"] != ID_TAG],
        },
    )
    bootstrap.furnish(call.records, call.objects, account, call.settings.region)
    _access_role(mine, request.get("RoleName") or ACCESS_ROLE, master)
    return account


def _access_role(mine: Records, name: str, master: str) -> None:
    trusted = {"AWS": f"arn:aws:iam::{master}:root"}
    role = bootstrap.new_role(name, trusted, ["AdministratorAccess"], mine.clock.now())
    bootstrap.ensure(mine, ROLE, name, role)


def _number(call: Call) -> str:
    """Return the number asked for, or one that nobody has; no number is given twice."""
    tags = tags_of(call.request.get("Tags"))
    asked: str | None = tags.get(ID_TAG)
    if asked is None:
        while True:
            number = str(secrets.randbelow(9 * 10**11) + 10**11)
            if not _taken(call, number):
                return number
    if not (len(asked) == 12 and asked.isascii() and asked.isdigit()):
        raise _invalid(f"The tag {ID_TAG} is '{asked}'; an account's number has twelve digits.")
    if _taken(call, asked):
        raise _invalid(f"The account {asked}, or its default bucket, exists already.")
    return asked


def _taken(call: Call, number: str) -> bool:
    bucket = bootstrap.default_bucket(number, call.settings.region)
    known = call.records.scoped(number, "").find(ACCOUNT, number)
    return known is not None or call.objects.find_bucket(bucket) is not None


def _statuses(call: Call) -> Records:
    return call.records.scoped(call.settings.account, "")


def _shown(doc: Document) -> Document:
    return {name: doc[name] for name in _SHOWN if name in doc}


def _invalid(text: str) -> ApiError:
    return ApiError(text, code="InvalidInputException", status=400)
