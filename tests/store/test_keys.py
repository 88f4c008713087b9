"""The master key and what derives from it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clary.store.keys import MasterKey, account_of, new_access_key_id, new_secret, write_secret


def test_the_master_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: MasterKey.open(tmp_path / "keys"), range(16)))
    assert len({key.mac("p", "text") for key in keys}) == 1
    path = tmp_path / "keys" / "master.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [item.name for item in path.parent.iterdir()] == ["master.key"]


def test_a_damaged_master_key_is_refused(tmp_path: Path) -> None:
    write_secret(tmp_path / "master.key", b"short")
    with pytest.raises(ValueError, match="32 bytes"):
        MasterKey.open(tmp_path)


def test_what_is_sealed_opens_only_where_it_was_meant_to(tmp_path: Path) -> None:
    master = MasterKey.open(tmp_path)
    sealed = master.seal("session", b"plain", "KEY")
    assert master.unseal("session", sealed, "KEY") == b"plain"
    assert master.unseal("session", sealed, "OTHER") is None
    assert master.unseal("access-key", sealed, "KEY") is None
    assert MasterKey(b"x" * 32).unseal("session", sealed, "KEY") is None
    for at in range(len(sealed)):
        altered = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        assert master.unseal("session", altered, "KEY") is None
    assert master.unseal("session", b"", "KEY") is None


@pytest.mark.parametrize("account", ["000000000000", "123456789012", "999999999999"])
def test_an_access_key_id_carries_its_account(account: str) -> None:
    for prefix in ("AKIA", "ASIA"):
        key = new_access_key_id(prefix, account)
        assert len(key) == 20
        assert key.startswith(prefix)
        assert account_of(key) == account


@pytest.mark.parametrize("text", ["", "AKIA", "AKIA!!!!!!!!!!!!!!!!", "AKIA" + "A" * 15, "AKIA" + "7" * 16])
def test_what_is_no_access_key_id_has_no_account(text: str) -> None:
    assert account_of(text) is None


def test_a_secret_looks_like_one_of_aws(tmp_path: Path) -> None:
    master = MasterKey.open(tmp_path)
    assert len(new_secret()) == len(master.secret("ASIAX")) == 40
    assert master.secret("ASIAX") == master.secret("ASIAX") != master.secret("ASIAY")
