"""A new home gets what it needs, once."""

from __future__ import annotations

import json
from pathlib import Path

from tests.databases import kept, opened
from tests.store.opened import ACCOUNT, NOON

from clary.core.clock import StoppedClock
from clary.core.settings import Home, Settings
from clary.operations import bootstrap
from clary.resources.iam.access_key import ACCESS_KEY
from clary.resources.iam.role import ROLE
from clary.resources.iam.user import USER
from clary.store.credentials import Credentials
from clary.store.keys import MasterKey
from clary.store.objects import Objects
from clary.store.records import Records


class World:
    """A home that can be prepared again and again."""

    def __init__(self, root: Path, region: str = "us-east-1") -> None:
        self.settings = Settings(home=Home(root), cache=root / "cache", region=region)
        clock, database = StoppedClock(NOON), opened(self.settings.home.database)
        self.records = Records(database, clock)
        self.objects = kept(Objects(database, self.settings.home.objects, clock))
        self.credentials = Credentials(self.records, MasterKey.open(self.settings.home.keys), clock)

    def prepare(self) -> dict[str, str]:
        """Prepare, and answer the administrator's key file."""
        bootstrap.prepare(self.settings, self.records, self.objects, self.credentials)
        written: dict[str, str] = json.loads((self.settings.home.keys / "administrator.json").read_text())
        return written


def test_a_new_home_has_an_administrator_a_role_and_a_bucket(tmp_path: Path) -> None:
    world = World(tmp_path)
    keys = world.prepare()
    found = world.credentials.find(keys["AccessKeyId"])
    assert found is not None
    assert found.secret == keys["SecretAccessKey"]
    assert found.principal.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/SageMakerExecutionRole/administrator"
    assert found.principal.grants == f"arn:aws:iam::{ACCOUNT}:user/administrator"
    assert world.objects.find_bucket(f"sagemaker-us-east-1-{ACCOUNT}") is not None
    assert (keys["Region"], keys["Account"]) == ("us-east-1", ACCOUNT)


def test_secrets_are_their_owner_s_alone(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.prepare()
    modes = {path.name: path.stat().st_mode & 0o777 for path in world.settings.home.keys.iterdir()}
    assert modes == {"master.key": 0o600, "administrator.json": 0o600}


def test_preparing_again_changes_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    first = world.prepare()
    assert World(tmp_path).prepare() == first
    mine = world.records.scoped(ACCOUNT, "")
    assert [len(list(mine.each(kind))) for kind in (USER, ROLE, ACCESS_KEY)] == [1, 1, 1]


def test_a_lost_key_is_made_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    first = world.prepare()
    mine = world.records.scoped(ACCOUNT, "")
    mine.delete(mine.get(ACCESS_KEY, first))
    second = world.prepare()
    assert second["AccessKeyId"] != first["AccessKeyId"]
    assert world.credentials.find(second["AccessKeyId"]) is not None


def test_another_region_keeps_the_key_and_gets_its_bucket(tmp_path: Path) -> None:
    first = World(tmp_path).prepare()
    world = World(tmp_path, region="eu-west-1")
    second = world.prepare()
    assert second == {**first, "Region": "eu-west-1"}
    assert world.objects.find_bucket(f"sagemaker-eu-west-1-{ACCOUNT}") is not None
