"""What a new home needs before its first call: an administrator, the execution role, the default bucket.

Everything here may run again, at every start and in several processes at once.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Protocol

from clary.core import ids
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.principal import Principal
from clary.core.settings import Settings
from clary.operations.iam.grants import ATTACHED, INLINE
from clary.operations.iam.managed import PREFIX
from clary.resources.iam.role import ROLE
from clary.resources.iam.user import USER
from clary.resources.spec import Resource
from clary.store.credentials import Credentials, session_principal
from clary.store.keys import write_secret
from clary.store.records import Record, Records

ADMINISTRATOR = "administrator"
EXECUTION_ROLE = "SageMakerExecutionRole"
_SERVICES = ["sagemaker.amazonaws.com", "scheduler.amazonaws.com"]
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
    """Make what is missing: administrator, execution role, default bucket, `keys/administrator.json`."""
    mine = records.scoped(settings.account, "")
    now = records.clock.now()
    role = _ensure(mine, ROLE, EXECUTION_ROLE, _role(settings.account, now))
    user = _ensure(mine, USER, ADMINISTRATOR, _user(now))
    _administrator_key(settings, credentials, user, session_principal(role, ADMINISTRATOR))
    try:
        objects.create_bucket(default_bucket(settings), settings.account, settings.region)
    except ApiError as error:
        if error.code != "BucketAlreadyOwnedByYou":
            raise


def default_bucket(settings: Settings) -> str:
    """Return the name the SDKs expect of an account's own bucket."""
    return f"sagemaker-{settings.region}-{settings.account}"


def execution_role(settings: Settings) -> str:
    """Return the ARN of the role that jobs use unless told otherwise."""
    return f"arn:aws:iam::{settings.account}:role/{EXECUTION_ROLE}"


def _ensure(records: Records, resource: Resource, name: str, doc: Document) -> Record:
    found = records.find(resource, name)
    if found is not None:
        return found
    doc["Arn"] = records.arn(resource, doc)
    try:
        return records.create(resource, doc)
    except ApiError as error:  # another process was faster
        found = records.find(resource, name)
        if found is None:
            raise error
        return found


def _role(account: str, now: datetime) -> Document:
    trusted = {"Service": _SERVICES, "AWS": f"arn:aws:iam::{account}:root"}
    trust = {"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}
    return {
        "Path": "/",
        "RoleName": EXECUTION_ROLE,
        "RoleId": ids.identity_id("AROA"),
        "CreateDate": now.replace(microsecond=0),
        "AssumeRolePolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        "Description": "What training jobs, endpoints and pipelines may do, unless they name another role.",
        "MaxSessionDuration": 12 * 3600,
        ATTACHED: [f"{PREFIX}AmazonSageMakerFullAccess"],
        INLINE: {"data-and-logs": json.dumps(_DATA)},
    }


def _user(now: datetime) -> Document:
    return {
        "Path": "/",
        "UserName": ADMINISTRATOR,
        "UserId": ids.identity_id("AIDA"),
        "CreateDate": now.replace(microsecond=0),
        ATTACHED: [f"{PREFIX}AdministratorAccess"],
        INLINE: {},
    }


def _administrator_key(settings: Settings, credentials: Credentials, user: Record, shown: Principal) -> None:
    path = settings.home.keys / "administrator.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    found = credentials.find(kept.get("AccessKeyId", ""))
    if found is not None:
        access_key, secret = found.access_key, found.secret
    else:
        record, secret = credentials.create_key(user, presents=shown)
        access_key = record.doc["AccessKeyId"]
    content = {
        "AccessKeyId": access_key,
        "SecretAccessKey": secret,
        "Region": settings.region,
        "Account": settings.account,
    }
    if content != kept:
        write_secret(path, json.dumps(content, indent=2).encode())
