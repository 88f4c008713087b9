"""The organization: this server's own account is its management account, every other one a member."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from clary.core.document import Document
from clary.core.errors import AccessDenied, ApiError
from clary.core.tags import listed, retagged
from clary.operations.computed_list import cut
from clary.operations.registry import Call, operation
from clary.resources.organizations.account import ACCOUNT
from clary.store.records import Record

PAGE = 20
ROOT = "r-clry"
_SHOWN = ("Id", "Arn", "Email", "Name", "Status", "State", "Paths", "JoinedMethod", "JoinedTimestamp")


@operation("organizations", "DescribeOrganization")
def describe_organization(call: Call) -> Document:
    """Describe the organization, to members too."""
    master = call.settings.account
    management = call.records.scoped(master, "").get(ACCOUNT, {"AccountId": master})
    organization = management.doc["OrganizationId"]
    return {
        "Organization": {
            "Id": organization,
            "Arn": f"arn:aws:organizations::{master}:organization/{organization}",
            "FeatureSet": "ALL",
            "MasterAccountArn": management.doc["Arn"],
            "MasterAccountId": master,
            "MasterAccountEmail": management.doc["Email"],
            "AvailablePolicyTypes": [],
        }
    }


@operation("organizations", "ListAccounts")
def list_accounts(call: Call) -> Document:
    """List all accounts, closed ones included."""
    require_management(call)
    return _listed(call)


@operation("organizations", "DescribeAccount")
def describe_account(call: Call) -> Document:
    """Describe one account."""
    require_management(call)
    return {"Account": shown(named(call))}


@operation("organizations", "ListRoots")
def list_roots(call: Call) -> Document:
    """Answer the one root."""
    require_management(call)
    organization, master = named(call, call.settings.account).doc["OrganizationId"], call.settings.account
    arn = f"arn:aws:organizations::{master}:root/{organization}/{ROOT}"
    return {"Roots": [{"Id": ROOT, "Arn": arn, "Name": "Root", "PolicyTypes": []}]}


@operation("organizations", "ListParents")
def list_parents(call: Call) -> Document:
    """Answer that every account lies under the root: there are no organizational units here."""
    require_management(call)
    if _find(call, call.request["ChildId"]) is None:
        raise ApiError(
            f"There is no account {call.request['ChildId']}.", code="ChildNotFoundException", status=400
        )
    return {"Parents": [{"Id": ROOT, "Type": "ROOT"}]}


@operation("organizations", "ListAccountsForParent")
def list_accounts_for_parent(call: Call) -> Document:
    """List the accounts under the root."""
    _require_root(call)
    return _listed(call)


@operation("organizations", "ListOrganizationalUnitsForParent")
def list_organizational_units_for_parent(call: Call) -> Document:
    """Answer that there are none."""
    _require_root(call)
    return {"OrganizationalUnits": []}


@operation("organizations", "ListChildren")
def list_children(call: Call) -> Document:
    """List what lies under the root: accounts."""
    _require_root(call)
    kind = call.request["ChildType"]
    found = accounts(call) if kind == "ACCOUNT" else ()
    return page(call, "Children", [(one.name, {"Id": one.name, "Type": kind}) for one in found])


@operation("organizations", "TagResource")
def tag_resource(call: Call) -> None:
    """Add tags to an account; one that is there gets the new value."""
    with call.records.database.write():
        account = _tagged(call)
        tags = retagged(account.doc.get("Tags"), call.request["Tags"])
        _save(call, account, {"Tags": listed(tags)})


@operation("organizations", "UntagResource")
def untag_resource(call: Call) -> None:
    """Remove tags from an account."""
    with call.records.database.write():
        account = _tagged(call)
        tags = retagged(account.doc.get("Tags"), gone=call.request["TagKeys"])
        _save(call, account, {"Tags": listed(tags)})


@operation("organizations", "ListTagsForResource")
def list_tags_for_resource(call: Call) -> Document:
    """List an account's tags."""
    return {"Tags": _tagged(call).doc.get("Tags", [])}


def require_management(call: Call) -> None:
    """Raise AccessDenied unless the caller belongs to the management account."""
    if call.account != call.settings.account:
        raise AccessDenied(
            f"{call.operation} is for the management account {call.settings.account}; "
            f"{call.principal.arn} belongs to {call.account}."
        )


def accounts(call: Call) -> Iterator[Record]:
    """Yield every account there is or was."""
    return call.records.scoped("", "").each(ACCOUNT)


def named(call: Call, account: str = "") -> Record:
    """Return the account a request names, or the one given."""
    wanted = account or call.request["AccountId"]
    found = _find(call, wanted)
    if found is None:
        raise call.records.missing(ACCOUNT, {"AccountId": wanted})
    return found


def shown(account: Record) -> Document:
    """Return what Organizations tells of an account."""
    doc = account.doc
    told = {
        **doc,
        "Id": account.name,
        "State": "CLOSED" if doc["Status"] == "SUSPENDED" else doc["Status"],
        "Paths": [f"{doc['OrganizationId']}/{ROOT}/{account.name}/"],
    }
    return {name: told[name] for name in _SHOWN}


def page(call: Call, name: str, items: Iterable[tuple[str, object]]) -> Document:
    """Answer one page of (key, item) pairs in order of their keys."""
    request = call.request
    size, token = request.get("MaxResults", PAGE), request.get("NextToken")
    found, more = cut(call, items, size, token, refused="InvalidInputException")
    return {name: found, **({"NextToken": more} if more else {})}


def _listed(call: Call) -> Document:
    return page(call, "Accounts", [(account.name, shown(account)) for account in accounts(call)])


def _find(call: Call, account: str) -> Record | None:
    return call.records.scoped(account, "").find(ACCOUNT, account) if account.isdigit() else None


def _require_root(call: Call) -> None:
    require_management(call)
    if call.request["ParentId"] != ROOT:
        raise ApiError(
            f"There is no {call.request['ParentId']}; {ROOT} is the only parent.",
            code="ParentNotFoundException",
            status=400,
        )


def _tagged(call: Call) -> Record:
    require_management(call)
    found = _find(call, call.request["ResourceId"])
    if found is None:
        raise ApiError(
            f"There is no account {call.request['ResourceId']}; only accounts have tags here.",
            code="TargetNotFoundException",
            status=400,
        )
    return found


def _save(call: Call, account: Record, changes: Document) -> None:
    call.records.scoped(account.account, "").update(account, changes)
