"""Access keys of users. A key that is deleted or made inactive is refused from the next request on."""

from __future__ import annotations

from clary.core.document import Document
from clary.operations.iam.answers import absent, limit, mine, page
from clary.operations.iam.user import named
from clary.operations.registry import Call, operation
from clary.resources.iam.access_key import ACCESS_KEY
from clary.store.credentials import Credentials
from clary.store.keys import MasterKey
from clary.store.records import Record

KEYS_PER_USER = 2
_LISTED = ("UserName", "AccessKeyId", "Status", "CreateDate")


@operation("iam", "CreateAccessKey")
def create_access_key(call: Call) -> Document:
    """Give a user another key; its secret is answered here and never again."""
    records = mine(call)
    credentials = Credentials(records, MasterKey.open(call.settings.home.keys), call.clock)
    with records.database.write():
        user = named(call)
        if len(_keys(call, user)) >= KEYS_PER_USER:
            raise limit(f"Cannot exceed quota for AccessKeysPerUser: {KEYS_PER_USER}")
        key, secret = credentials.create_key(user)
    return {"AccessKey": {**_shown(key), "SecretAccessKey": secret}}


@operation("iam", "ListAccessKeys")
def list_access_keys(call: Call) -> Document:
    """List a user's keys, without their secrets."""
    keys = _keys(call, named(call))
    return page(call, "AccessKeyMetadata", [(key.name, _shown(key)) for key in keys])


@operation("iam", "UpdateAccessKey")
def update_access_key(call: Call) -> None:
    """Make a key active or inactive."""
    records = mine(call)
    with records.database.write():
        records.update(_named_key(call), {"Status": call.request["Status"]})


@operation("iam", "DeleteAccessKey")
def delete_access_key(call: Call) -> None:
    """Delete a key."""
    records = mine(call)
    with records.database.write():
        records.delete(_named_key(call))


def _named_key(call: Call) -> Record:
    key = mine(call).find(ACCESS_KEY, call.request["AccessKeyId"])
    wanted = call.request.get("UserName")
    if key is None or (wanted is not None and wanted != key.doc["UserName"]):
        raise absent(f"The Access Key with id {call.request['AccessKeyId']} cannot be found.")
    return key


def _keys(call: Call, user: Record) -> list[Record]:
    return [key for key in mine(call).each(ACCESS_KEY) if key.doc["UserName"] == user.name]


def _shown(key: Record) -> Document:
    return {name: key.doc[name] for name in _LISTED}
