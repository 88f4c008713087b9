"""GetSessionToken and GetAccessKeyInfo."""

from __future__ import annotations

from datetime import timedelta

from clary.core.document import Document
from clary.core.errors import AccessDenied, ValidationError
from clary.operations.registry import Call, operation
from clary.operations.sts.assume_role import refuse_mfa
from clary.store.credentials import Credentials
from clary.store.keys import MasterKey, account_of

DEFAULT_SECONDS = 43200


@operation("sts", "GetSessionToken")
def get_session_token(call: Call) -> Document:
    """Answer temporary credentials of the calling user."""
    if call.principal.temporary:
        raise AccessDenied("Cannot call GetSessionToken with session credentials", code="AccessDenied")
    refuse_mfa(call.request)
    duration = timedelta(seconds=call.request.get("DurationSeconds", DEFAULT_SECONDS))
    credentials = Credentials(call.records, MasterKey.open(call.settings.home.keys), call.clock)
    return {"Credentials": credentials.issue_session(call.principal, duration)}


@operation("sts", "GetAccessKeyInfo")
def get_access_key_info(call: Call) -> Document:
    """Answer the account an access key id belongs to; the id says so itself."""
    key = call.request["AccessKeyId"]
    account = account_of(key) if key.startswith(("AKIA", "ASIA")) else None
    if account is None:
        raise ValidationError(f"Invalid AccessKeyId: {key} is not an access key id.", code="ValidationError")
    return {"Account": account}
