"""Login profiles: kept for the tools that manage users. There is no sign-in page, and no password is kept."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.iam.answers import absent, mine
from clary.operations.iam.password_policy import check_password
from clary.operations.iam.user import LOGIN, named
from clary.operations.registry import Call, operation
from clary.store.records import Record


@operation("iam", "CreateLoginProfile", level="stored")
def create_login_profile(call: Call) -> Document:
    """Note that a user has a password; the password itself is checked and forgotten."""
    records, now = mine(call), call.clock.now().replace(microsecond=0)
    _check(call)
    with records.database.write():
        user = named(call)
        if LOGIN in user.doc:
            raise ApiError(
                f"Login Profile for user {user.name} already exists.", code="EntityAlreadyExists", status=409
            )
        profile = {
            "CreateDate": now,
            "PasswordResetRequired": bool(call.request.get("PasswordResetRequired")),
        }
        return {"LoginProfile": _shown(records.update(user, {LOGIN: profile}))}


@operation("iam", "GetLoginProfile", level="stored")
def get_login_profile(call: Call) -> Document:
    """Answer since when a user has a password."""
    return {"LoginProfile": _shown(_with_profile(call))}


@operation("iam", "UpdateLoginProfile", level="stored")
def update_login_profile(call: Call) -> None:
    """Take another password, which is checked and forgotten."""
    records = mine(call)
    _check(call)
    with records.database.write():
        user = _with_profile(call)
        reset = call.request.get("PasswordResetRequired", user.doc[LOGIN]["PasswordResetRequired"])
        records.update(user, {LOGIN: {**user.doc[LOGIN], "PasswordResetRequired": reset}})


@operation("iam", "DeleteLoginProfile", level="stored")
def delete_login_profile(call: Call) -> None:
    """Note that a user has no password any more."""
    records = mine(call)
    with records.database.write():
        records.update(_with_profile(call), {}, remove=(LOGIN,))


def _check(call: Call) -> None:
    if "Password" in call.request:
        check_password(mine(call), call.request["Password"])


def _with_profile(call: Call) -> Record:
    user = named(call)
    if LOGIN not in user.doc:
        raise absent(f"Login Profile for User {user.name} cannot be found.")
    return user


def _shown(user: Record) -> Document:
    return {"UserName": user.name, **user.doc[LOGIN]}
