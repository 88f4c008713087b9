"""Access keys for the signature check: stored ones of users, and temporary ones that carry themselves.

A temporary credential is not stored: its token is the sealed session, its secret derives from its id. A find
still asks whether the user, role or key behind it exists, so that deleting one ends its sessions at once.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Protocol

from clary.core import arn as arns
from clary.core.clock import Clock
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.principal import Credential, Principal
from clary.core.tags import tags_of
from clary.resources.iam.access_key import ACCESS_KEY
from clary.resources.iam.role import ROLE
from clary.resources.iam.user import USER
from clary.resources.spec import Resource
from clary.store.keys import MasterKey, account_of, new_access_key_id, new_secret
from clary.store.records import Record, Records

CACHED = 4096  # Credentials remembered between writes to IAM; a small server never has more callers at once.
KINDS: tuple[Resource, ...] = (ACCESS_KEY, USER, ROLE)
"""Kinds whose change may end a credential."""
PRESENTS = "_Presents"
"""Member of a user: what its keys show themselves as, where that is not the user (ADR 4)."""


Known = dict[tuple[str, str | None], Credential]


class Generation(Protocol):
    """Tells whether anything of some kinds was written since the last look."""

    def generation(self, *kinds: Resource) -> int:
        """Return a number that grows with every write to one of the kinds."""
        ...


class Credentials:
    """Who holds an access key. Without `changes` nothing is remembered between two finds."""

    def __init__(
        self, records: Records, master: MasterKey, clock: Clock, changes: Generation | None = None
    ) -> None:
        self._records = records
        self._master = master
        self._clock = clock
        self._changes = changes
        self._memory: tuple[int, Known] = (-1, {})

    def find(self, access_key: str, token: str | None = None) -> Credential | None:
        """Return the credential, which may have expired; None when there is no such key any more."""
        known = self._current()
        found = known.get((access_key, token))
        if found is None:
            found = self._stored(access_key) if token is None else self._session(access_key, token)
            if found is not None and self._changes is not None:
                known[access_key, token] = found
        return found

    def generation(self) -> int:
        """Return a number that grows when what `find` returned may not hold any more; -1 where it may not."""
        return -1 if self._changes is None else self._changes.generation(*KINDS)

    def create_key(self, user: Record) -> tuple[Record, str]:
        """Give a user a new access key; the secret is shown once."""
        key, secret = new_access_key_id("AKIA", user.account), new_secret()
        doc: Document = {
            "AccessKeyId": key,
            "UserName": user.doc["UserName"],
            "Status": "Active",
            "CreateDate": self._clock.now(),
            "_Secret": self._master.seal("access-key", secret.encode(), key),
        }
        return self._records.scoped(user.account, "").create(ACCESS_KEY, doc), secret

    def secret(self, key: Record) -> str | None:
        """Return the secret of a stored access key; None when it was sealed under another master key."""
        plain = self._master.unseal("access-key", key.doc["_Secret"], key.doc["AccessKeyId"])
        return None if plain is None else plain.decode()

    def issue_session(self, principal: Principal, duration: timedelta) -> Document:
        """Return temporary credentials of `principal`, with the members STS answers."""
        expires = (self._clock.now() + duration).replace(microsecond=0)
        key = new_access_key_id("ASIA", principal.account)
        holder = self._holder(principal)
        if holder is None:
            raise ApiError(f"{principal.grants} does not exist.", code="NoSuchEntity", status=404)
        session = {
            "principal": asdict(replace(principal, temporary=True)),
            "holder": holder.uid,
            "expires": expires.isoformat(),
        }
        sealed = self._master.seal("session", json.dumps(session, separators=(",", ":")).encode(), key)
        return {
            "AccessKeyId": key,
            "SecretAccessKey": self._master.secret(key),
            "SessionToken": base64.b64encode(sealed).decode(),
            "Expiration": expires,
        }

    def issue_role_session(self, role_arn: str, session_name: str, duration: timedelta) -> Document:
        """Return temporary credentials of a role, without asking its trust policy; an absent role raises."""
        return self.issue_session(self.role_principal(role_arn, session_name), duration)

    def role_principal(self, role_arn: str, session_name: str) -> Principal:
        """Return what a session of a role calls itself; an absent role raises NoSuchEntity."""
        parsed = arns.parse(role_arn)
        name = role_arn.rsplit("/", 1)[-1]
        role = (
            self._records.scoped(parsed.account, "").find(ROLE, name) if parsed and parsed.account else None
        )
        if role is None or role.arn != role_arn:
            raise ApiError(f"The role {role_arn} cannot be found.", code="NoSuchEntity", status=404)
        return session_principal(role, session_name)

    def run_token(self, uid: str, role_arn: str) -> str:
        """Return what a run shows to be given its role's credentials."""
        return self._master.mac("run-token", f"credentials:{uid}:{role_arn}").hex()

    def check_run_token(self, token: str, uid: str, role_arn: str) -> bool:
        """Say whether `token` is that run's, in constant time."""
        return hmac.compare_digest(token.encode(), self.run_token(uid, role_arn).encode())

    def _current(self) -> Known:
        """Return what is remembered under the present generation; what an older one found stays there."""
        generation = self.generation()
        remembered, known = self._memory
        if generation != remembered or len(known) >= CACHED:
            known = {}
            self._memory = (generation, known)
        return known

    def _stored(self, access_key: str) -> Credential | None:
        account = account_of(access_key)
        if account is None or not access_key.startswith("AKIA"):
            return None
        records = self._records.scoped(account, "")
        key = records.find(ACCESS_KEY, access_key)
        if key is None or key.doc["Status"] != "Active":
            return None
        user, secret = records.find(USER, key.doc["UserName"]), self.secret(key)
        if user is None or secret is None:
            return None
        shown = user.doc.get(PRESENTS) or {"arn": user.arn, "user_id": user.doc["UserId"]}
        tags = tags_of(user.doc.get("Tags"))
        principal = Principal(account=account, grants=user.arn, kind="user", tags=tags, **shown)
        return Credential(access_key=access_key, secret=secret, principal=principal)

    def _session(self, access_key: str, token: str) -> Credential | None:
        try:
            sealed = base64.b64decode(token, validate=True)
        except (binascii.Error, ValueError):
            return None
        plain = self._master.unseal("session", sealed, access_key)
        if plain is None:
            return None
        session = json.loads(plain)
        members = session["principal"]
        for name in ("session_policies", "transitive"):
            members[name] = tuple(members.get(name, ()))
        principal = Principal(**members)
        holder = self._holder(principal)
        if holder is None or holder.uid != session["holder"]:  # gone, or another one of the same name
            return None
        return Credential(
            access_key=access_key,
            secret=self._master.secret(access_key),
            principal=principal,
            token=token,
            expires=datetime.fromisoformat(session["expires"]),
        )

    def _holder(self, principal: Principal) -> Record | None:
        """Return the user or role whose rights a principal uses."""
        records = self._records.scoped(principal.account, "")
        resource = ROLE if ":role/" in principal.grants else USER
        record = records.find(resource, principal.grants.rsplit("/", 1)[-1])
        return record if record is not None and record.arn == principal.grants else None


def session_principal(role: Record, session_name: str) -> Principal:
    """Return what a session of `role` calls itself."""
    return Principal(
        account=role.account,
        arn=f"arn:aws:sts::{role.account}:assumed-role/{role.doc['RoleName']}/{session_name}",
        user_id=f"{role.doc['RoleId']}:{session_name}",
        grants=role.arn,
    )
