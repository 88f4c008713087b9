"""What an account needs before its first call: an administrator, the execution role, the default bucket.

The server's own account and those made later are furnished alike. All of it may run again, at every start and
in several processes at once.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Protocol

from clary.core import ids
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.settings import Settings
from clary.operations.iam.grants import ATTACHED, INLINE
from clary.operations.iam.managed import PREFIX
from clary.resources.iam.role import ROLE
from clary.resources.iam.user import USER
from clary.resources.organizations.account import ACCOUNT
from clary.resources.spec import Resource
from clary.store.credentials import PRESENTS, Credentials, session_principal
from clary.store.keys import write_secret
from clary.store.records import Record, Records

ADMINISTRATOR = "administrator"
EXECUTION_ROLE = "SageMakerExecutionRole"
EMAIL = "administrator@clary.invalid"
_SERVICES = ["sagemaker.amazonaws.com", "scheduler.amazonaws.com", "events.amazonaws.com"]
_DATA = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::*"},
        {"Effect": "Allow", "Action": "logs:*", "Resource": "*"},
        {"Effect": "Allow", "Action": ["iam:GetRole", "iam:SimulatePrincipalPolicy"], "Resource": "*"},
    ],
}


class Buckets(Protocol):
    """As much of the object store as the default bucket needs."""

    def create_bucket(self, name: str, account: str, region: str) -> object:
        """Create a bucket; one that is there already raises."""
        ...


def prepare(settings: Settings, records: Records, objects: Buckets, credentials: Credentials) -> None:
    """Make what the server's own account lacks, and `keys/administrator.json`."""
    now, account = records.clock.now(), settings.account
    ensure(records.scoped(account, ""), ACCOUNT, account, _management(records, account, now))
    user = furnish(records, objects, account, settings.region)
    _administrator_key(settings, credentials, user)


def furnish(records: Records, objects: Buckets, account: str, region: str) -> Record:
    """Make what an account lacks of administrator, execution role and default bucket; return the user."""
    mine, now = records.scoped(account, ""), records.clock.now()
    role = ensure(mine, ROLE, EXECUTION_ROLE, _execution_role(account, now))
    shown = session_principal(role, ADMINISTRATOR)
    presents = {"arn": shown.arn, "user_id": shown.user_id}
    user = ensure(mine, USER, ADMINISTRATOR, _user(now, presents))
    if user.doc.get(PRESENTS) != presents:  # made by an older release, or the role was made anew
        user = mine.update(user, {PRESENTS: presents}, touch=False)
    try:
        objects.create_bucket(default_bucket(account, region), account, region)
    except ApiError as error:
        if error.code != "BucketAlreadyOwnedByYou":
            raise
    return user


def default_bucket(account: str, region: str) -> str:
    """Return the name the SDKs expect of an account's own bucket."""
    return f"sagemaker-{region}-{account}"


def execution_role(account: str) -> str:
    """Return the ARN of the role that jobs use unless told otherwise."""
    return f"arn:aws:iam::{account}:role/{EXECUTION_ROLE}"


def ensure(records: Records, resource: Resource, name: str, doc: Document) -> Record:
    """Return the record of that name, made from `doc` where there is none."""
    found = records.find(resource, name)
    if found is not None:
        return found
    doc.setdefault("Arn", records.arn(resource, doc))
    try:
        return records.create(resource, doc)
    except ApiError as error:  # another process was faster
        found = records.find(resource, name)
        if found is None:
            raise error
        return found


def new_role(name: str, trusted: Document, attached: list[str], now: datetime) -> Document:
    """Return a role as it is stored."""
    trust = {"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}
    return {
        "Path": "/",
        "RoleName": name,
        "RoleId": ids.identity_id("AROA"),
        "CreateDate": now.replace(microsecond=0),
        "AssumeRolePolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        "MaxSessionDuration": 12 * 3600,
        ATTACHED: [f"{PREFIX}{policy}" for policy in attached],
        INLINE: {},
    }


def _execution_role(account: str, now: datetime) -> Document:
    trusted = {"Service": _SERVICES, "AWS": f"arn:aws:iam::{account}:root"}
    return {
        **new_role(EXECUTION_ROLE, trusted, ["AmazonSageMakerFullAccess"], now),
        "Description": "What training jobs, endpoints and pipelines may do, unless they name another role.",
        INLINE: {"data-and-logs": json.dumps(_DATA)},
    }


def _user(now: datetime, presents: Document) -> Document:
    return {
        "Path": "/",
        "UserName": ADMINISTRATOR,
        "UserId": ids.identity_id("AIDA"),
        "CreateDate": now.replace(microsecond=0),
        ATTACHED: [f"{PREFIX}AdministratorAccess"],
        INLINE: {},
        PRESENTS: presents,
    }


def _management(records: Records, account: str, now: datetime) -> Document:
    known = next(records.each(ACCOUNT), None)
    organization = known.doc["OrganizationId"] if known is not None else ids.made_up("o-{10}")
    return {
        "AccountId": account,
        "OrganizationId": organization,
        "Arn": f"arn:aws:organizations::{account}:account/{organization}/{account}",
        "Name": ADMINISTRATOR,
        "Email": EMAIL,
        "Status": "ACTIVE",
        "JoinedMethod": "INVITED",
        "JoinedTimestamp": now,
    }


def _administrator_key(settings: Settings, credentials: Credentials, user: Record) -> None:
    path = settings.home.keys / "administrator.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    found = credentials.find(kept.get("AccessKeyId", ""))
    if found is not None:
        access_key, secret = found.access_key, found.secret
    else:
        record, secret = credentials.create_key(user)
        access_key = record.doc["AccessKeyId"]
    content = {
        "AccessKeyId": access_key,
        "SecretAccessKey": secret,
        "Region": settings.region,
        "Account": settings.account,
    }
    if content != kept:
        write_secret(path, json.dumps(content, indent=2).encode())
