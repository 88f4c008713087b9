"""The server's master key, and what is derived from it: sealed secrets, session secrets, run tokens.

Losing `keys/master.key` ends every session and makes stored access keys unusable; nothing else depends on it.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_BYTES = 32
_NONCE_BYTES = 12
_SECRET_BYTES = 30  # 40 characters of base64, as AWS secrets have


class MasterKey:
    """The root secret of one server; every use gets its own key derived from it."""

    def __init__(self, material: bytes) -> None:
        if len(material) != _KEY_BYTES:
            raise ValueError(f"a master key has {_KEY_BYTES} bytes, this one has {len(material)}")
        self._material = material

    @classmethod
    def open(cls, keys: Path) -> MasterKey:
        """Read `master.key` in the directory `keys`; the first caller creates it, mode 0600, whole."""
        path = keys / "master.key"
        if not path.exists():
            write_secret(path, secrets.token_bytes(_KEY_BYTES), replace=False)
        return cls(path.read_bytes())

    def mac(self, purpose: str, text: str) -> bytes:
        """Return 32 bytes that only this server can compute for `text`."""
        return hmac.digest(self._derived(purpose), text.encode(), "sha256")

    def secret(self, access_key: str) -> str:
        """Return the secret that belongs to a temporary access key."""
        return base64.b64encode(self.mac("session-secret", access_key)[:_SECRET_BYTES]).decode()

    def seal(self, purpose: str, plain: bytes, bound_to: str) -> bytes:
        """Encrypt `plain` so that it opens only under the same purpose and the same `bound_to`."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self._derived(purpose)).encrypt(nonce, plain, bound_to.encode())

    def unseal(self, purpose: str, sealed: bytes, bound_to: str) -> bytes | None:
        """Return what was sealed, or None when it was altered or sealed elsewhere."""
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return AESGCM(self._derived(purpose)).decrypt(nonce, rest, bound_to.encode())
        except (InvalidTag, ValueError):
            return None

    def _derived(self, purpose: str) -> bytes:
        return hmac.digest(self._material, purpose.encode(), "sha256")


def write_secret(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Write a file only its owner can read, durably; without `replace` a file already there wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.replace(path)
        else:
            _link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _link(draft: Path, path: Path) -> None:
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return


def new_access_key_id(prefix: str, account: str) -> str:
    """Return a fresh `AKIA…` or `ASIA…` id that carries its account, as AWS's ids do."""
    head = 1 << 47 | int(account) << 7 | secrets.randbits(7)
    return prefix + base64.b32encode(head.to_bytes(6, "big") + secrets.token_bytes(4)).decode()


def account_of(access_key: str) -> str | None:
    """Return the account an access key id carries, or None when it is not such an id."""
    try:
        head = base64.b32decode(access_key[4:])[:6]
    except ValueError:
        return None
    account = (int.from_bytes(head, "big") & 0x7FFFFFFFFF80) >> 7
    return f"{account:012d}" if len(access_key) == 20 and account < 10**12 else None


def new_secret() -> str:
    """Return a random secret access key."""
    return base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
