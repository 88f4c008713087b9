"""Credentials: found while they hold, refused from the moment they do not."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.store.opened import ACCOUNT, NOON, records

from clary.core.errors import ApiError
from clary.core.principal import Principal
from clary.resources.iam.access_key import ACCESS_KEY
from clary.resources.iam.role import ROLE
from clary.resources.iam.user import USER
from clary.store.changes import Changes
from clary.store.credentials import PRESENTS, Credentials
from clary.store.keys import MasterKey
from clary.store.records import Record, Records

HOUR = timedelta(hours=1)
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/team/Worker"


class World:
    """Two views of one database: one that writes, and one that remembers as the gateway does."""

    def __init__(self, directory: Path) -> None:
        self.records: Records = records(directory)
        self.master = MasterKey.open(directory / "keys")
        self.writer = Credentials(self.records, self.master, self.records.clock)
        changes = Changes(self.records.database)
        self.gateway = Credentials(self.records, self.master, self.records.clock, changes)

    def user(self) -> Record:
        """Create a user."""
        return self.records.create(USER, {"UserName": "bob", "Path": "/", "UserId": "AIDABOB"})

    def role(self, unique: str = "AROAWORKER") -> Record:
        """Create a role."""
        return self.records.create(ROLE, {"RoleName": "Worker", "Path": "/team/", "RoleId": unique})


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_users_key_is_found_with_its_secret(world: World) -> None:
    key, secret = world.writer.create_key(world.user())
    found = world.gateway.find(key.name)
    assert found is not None
    assert (found.secret, found.token, found.expires) == (secret, None, None)
    assert found.principal == Principal(
        account=ACCOUNT,
        arn=f"arn:aws:iam::{ACCOUNT}:user/bob",
        user_id="AIDABOB",
        grants=f"arn:aws:iam::{ACCOUNT}:user/bob",
        kind="user",
    )


def test_the_secret_is_not_in_the_database(world: World, tmp_path: Path) -> None:
    _, secret = world.writer.create_key(world.user())
    for path in tmp_path.glob("clary.db*"):
        assert secret.encode() not in path.read_bytes()
        assert secret.encode().hex().encode() not in path.read_bytes()


def test_a_key_deleted_a_moment_ago_is_refused(world: World) -> None:
    key, _ = world.writer.create_key(world.user())
    assert world.gateway.find(key.name) is not None
    world.records.delete(key)
    assert world.gateway.find(key.name) is None


def test_an_inactive_key_is_refused_until_it_is_active_again(world: World) -> None:
    key, _ = world.writer.create_key(world.user())
    assert world.gateway.find(key.name) is not None
    key = world.records.update(key, {"Status": "Inactive"})
    assert world.gateway.find(key.name) is None
    world.records.update(key, {"Status": "Active"})
    assert world.gateway.find(key.name) is not None


def test_a_key_sealed_under_another_master_key_is_refused(world: World) -> None:
    key, _ = world.writer.create_key(world.user())
    stranger = Credentials(world.records, MasterKey(b"x" * 32), world.records.clock)
    assert stranger.find(key.name) is None


def test_a_session_carries_its_principal_and_its_end(world: World) -> None:
    role = world.role()
    principal = replace(
        world.writer.role_principal(role.arn, "one"),
        session_policies=("{}", "arn:aws:iam::aws:policy/X"),
        tags={"Team": "ml"},
        source_identity="bob",
    )
    issued = world.writer.issue_session(principal, HOUR)
    found = world.gateway.find(issued["AccessKeyId"], issued["SessionToken"])
    assert found is not None
    assert found.principal == replace(principal, temporary=True)
    assert found.secret == issued["SecretAccessKey"]
    assert found.expires == issued["Expiration"] == NOON + HOUR
    assert found.token == issued["SessionToken"]


def test_a_role_session_is_named_as_aws_names_it(world: World) -> None:
    world.role()
    principal = world.writer.role_principal(ROLE_ARN, "job")
    assert principal.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/Worker/job"
    assert principal.user_id == "AROAWORKER:job"
    assert principal.grants == ROLE_ARN


@pytest.mark.parametrize(
    "arn", ["", "Worker", f"arn:aws:iam::{ACCOUNT}:role/Worker", "arn:aws:iam::1:role/team/Worker"]
)
def test_no_session_is_issued_of_a_role_that_is_not_there(world: World, arn: str) -> None:
    world.role()
    with pytest.raises(ApiError) as refused:
        world.writer.issue_role_session(arn, "job", HOUR)
    assert refused.value.code == "NoSuchEntity"


def test_a_session_ends_with_its_role_even_if_another_takes_the_name(world: World) -> None:
    role = world.role()
    issued = world.writer.issue_role_session(role.arn, "job", HOUR)
    assert world.gateway.find(issued["AccessKeyId"], issued["SessionToken"]) is not None
    world.records.delete(role)
    assert world.gateway.find(issued["AccessKeyId"], issued["SessionToken"]) is None
    world.role("AROANEW")
    assert world.gateway.find(issued["AccessKeyId"], issued["SessionToken"]) is None


def test_a_token_that_was_altered_or_belongs_to_another_key_is_refused(world: World) -> None:
    role = world.role()
    one, two = (world.writer.issue_role_session(role.arn, "job", HOUR) for _ in range(2))
    assert world.gateway.find(one["AccessKeyId"], two["SessionToken"]) is None
    raw = bytearray(base64.b64decode(one["SessionToken"]))
    raw[20] ^= 1
    assert world.gateway.find(one["AccessKeyId"], base64.b64encode(bytes(raw)).decode()) is None
    for token in (None, "", "x", "é", "AAAA", json.dumps({})):
        assert world.gateway.find(one["AccessKeyId"], token) is None


def test_a_users_key_does_not_come_with_a_token(world: World) -> None:
    key, _ = world.writer.create_key(world.user())
    assert world.gateway.find(key.name, "token") is None


def test_the_run_token_holds_for_one_run_and_one_role(world: World) -> None:
    token = world.writer.run_token("uid", ROLE_ARN)
    assert world.gateway.check_run_token(token, "uid", ROLE_ARN)
    assert not world.gateway.check_run_token(token, "other", ROLE_ARN)
    assert not world.gateway.check_run_token(token, "uid", ROLE_ARN + "x")
    assert not world.gateway.check_run_token("é", "uid", ROLE_ARN)


def test_a_key_that_presents_itself_as_a_session_keeps_its_users_rights(world: World) -> None:
    user, role = world.user(), world.role()
    shown = world.writer.role_principal(role.arn, "administrator")
    user = world.records.update(user, {PRESENTS: {"arn": shown.arn, "user_id": shown.user_id}})
    key, _ = world.writer.create_key(user)
    found = world.gateway.find(key.doc["AccessKeyId"])
    assert found is not None
    assert found.principal.arn == shown.arn
    assert found.principal.grants == user.arn
    assert world.records.find(ACCESS_KEY, key.name) is not None
