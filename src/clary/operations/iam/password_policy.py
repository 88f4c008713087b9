"""The account's password policy: what CreateLoginProfile asks of a password."""

from __future__ import annotations

import re

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.iam.answers import absent, mine
from clary.operations.registry import Call, operation
from clary.resources.iam.password_policy import PASSWORD_POLICY
from clary.store.records import Record, Records

_DEFAULTS: Document = {
    "MinimumPasswordLength": 6,
    "RequireSymbols": False,
    "RequireNumbers": False,
    "RequireUppercaseCharacters": False,
    "RequireLowercaseCharacters": False,
    "AllowUsersToChangePassword": False,
}
_SHORTEST = 8  # Characters, where an account has no policy of its own.
_PARTS = {
    "RequireSymbols": (r"[!@#$%^&*()_+\-=\[\]{}|']", "a symbol"),
    "RequireNumbers": (r"[0-9]", "a number"),
    "RequireUppercaseCharacters": (r"[A-Z]", "an upper-case letter"),
    "RequireLowercaseCharacters": (r"[a-z]", "a lower-case letter"),
}
_KEY = {"Name": "PasswordPolicy"}


@operation("iam", "UpdateAccountPasswordPolicy", level="stored")
def update_account_password_policy(call: Call) -> None:
    """Replace the policy; what a request leaves out gets its default."""
    records = mine(call)
    doc = {**_DEFAULTS, **call.request}
    with records.database.write():
        found = _found(records)
        if found is None:
            records.create(PASSWORD_POLICY, {**_KEY, "Policy": doc})
        else:
            records.update(found, {"Policy": doc})


@operation("iam", "GetAccountPasswordPolicy", level="stored")
def get_account_password_policy(call: Call) -> Document:
    """Answer the policy, where there is one."""
    policy = _need(mine(call)).doc["Policy"]
    return {"PasswordPolicy": {**policy, "ExpirePasswords": bool(policy.get("MaxPasswordAge"))}}


@operation("iam", "DeleteAccountPasswordPolicy", level="stored")
def delete_account_password_policy(call: Call) -> None:
    """Go back to what holds without a policy."""
    records = mine(call)
    with records.database.write():
        records.delete(_need(records))


def check_password(records: Records, password: str) -> None:
    """Raise PasswordPolicyViolation, saying what is missing."""
    found = _found(records)
    policy = found.doc["Policy"] if found is not None else {"MinimumPasswordLength": _SHORTEST}
    least = policy["MinimumPasswordLength"]
    missing = [f"at least {least} characters"] if len(password) < least else []
    missing += [
        words for name, (part, words) in _PARTS.items() if policy.get(name) and not re.search(part, password)
    ]
    if missing:
        raise ApiError(
            f"Password does not conform to the account password policy: it needs {', '.join(missing)}.",
            code="PasswordPolicyViolation",
            status=400,
        )


def _found(records: Records) -> Record | None:
    return records.find(PASSWORD_POLICY, _KEY["Name"])


def _need(records: Records) -> Record:
    found = _found(records)
    if found is None:
        raise absent(f"The Password Policy with domain name {records.account} cannot be found.")
    return found
