"""Sessions that model servers opened: their calls go on to the host that knows them.

Which host that is stands in a small file too, so that other gateways of the home know it, and the next ones.
"""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

from clary.serving.connection import Answer, Host
from clary.serving.endpoints import Endpoint, Variant

MOST_SESSIONS = 65_536
SESSION = b"x-amzn-sagemaker-session-id"
NEW_SESSION, CLOSED_SESSION = b"x-amzn-sagemaker-new-session-id", b"x-amzn-sagemaker-closed-session-id"


class Sessions:
    """Those of one gateway process; with a folder, those of all of them."""

    def __init__(self, folder: Path | None = None) -> None:
        self._hosts: dict[str, str] = {}
        self._folder, self._opened = folder, 0

    def find(self, endpoint: Endpoint, session: str) -> tuple[Variant, Host]:
        """Return the host that opened a session; one we do not know falls on a host by its name."""
        pairs = [(variant, host) for variant in endpoint.all.variants for host in variant.hosts]
        key = _key(endpoint, session)
        uid = self._hosts.get(key) or self._read(key)
        for pair in pairs:
            if pair[1].uid == uid:
                return pair
        return pairs[zlib.crc32(session.encode()) % len(pairs)]

    def heard(self, answer: Answer, endpoint: Endpoint, host: Host) -> None:
        """Take note of the sessions that an answer opens or closes."""
        if opened := answer.headers.get(NEW_SESSION):
            if len(self._hosts) >= MOST_SESSIONS:
                self._hosts.pop(next(iter(self._hosts)))
            key = _key(endpoint, opened.decode("latin-1").partition(";")[0].strip())
            self._hosts[key] = host.uid
            self._write(key, host.uid)
        if closed := answer.headers.get(CLOSED_SESSION):
            key = _key(endpoint, closed.decode("latin-1").strip())
            self._hosts.pop(key, None)
            if self._folder:
                (self._folder / key).unlink(missing_ok=True)

    def _read(self, key: str) -> str:
        """Return the host that another process wrote down."""
        try:
            found = (self._folder / key).read_text() if self._folder else ""
        except FileNotFoundError:
            return ""
        if found:
            self._hosts[key] = found
        return found

    def _write(self, key: str, uid: str) -> None:
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._opened % 1024 == 0:
            self._prune(self._folder)
        self._opened += 1
        (self._folder / key).write_text(uid)

    def _prune(self, folder: Path) -> None:
        """Forget the older half where there are too many."""
        found = [*folder.iterdir()]
        if len(found) > MOST_SESSIONS:
            times = {path: path.stat().st_mtime for path in found if path.exists()}
            for path in sorted(times, key=lambda path: times[path])[: len(found) // 2]:
                path.unlink(missing_ok=True)


def _key(endpoint: Endpoint, session: str) -> str:
    """Name a session among those of all endpoints; containers choose their ids as they like."""
    return hashlib.sha256(f"{endpoint.record.uid}/{session}".encode()).hexdigest()
