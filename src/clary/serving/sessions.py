"""Sessions that model servers opened: their calls go on to the host that knows them."""

from __future__ import annotations

import zlib

from clary.serving.connection import Answer, Host
from clary.serving.endpoints import Endpoint, Variant

MOST_SESSIONS = 65_536
SESSION = b"x-amzn-sagemaker-session-id"
NEW_SESSION, CLOSED_SESSION = b"x-amzn-sagemaker-new-session-id", b"x-amzn-sagemaker-closed-session-id"


class Sessions:
    """Those of one gateway process."""

    def __init__(self) -> None:
        self._hosts: dict[str, str] = {}

    def find(self, endpoint: Endpoint, session: str) -> tuple[Variant, Host]:
        """Return the host that opened a session; one we do not know falls on a host by its name."""
        pairs = [(variant, host) for variant in endpoint.all.variants for host in variant.hosts]
        uid = self._hosts.get(session)
        for pair in pairs:
            if pair[1].uid == uid:
                return pair
        return pairs[zlib.crc32(session.encode()) % len(pairs)]

    def heard(self, answer: Answer, host: Host) -> None:
        """Take note of the sessions that an answer opens or closes."""
        if opened := answer.headers.get(NEW_SESSION):
            if len(self._hosts) >= MOST_SESSIONS:
                self._hosts.pop(next(iter(self._hosts)))
            self._hosts[opened.decode("latin-1").partition(";")[0].strip()] = host.uid
        if closed := answer.headers.get(CLOSED_SESSION):
            self._hosts.pop(closed.decode("latin-1").strip(), None)
