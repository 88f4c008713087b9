"""The environments of which each answers one call at a time, as one process calls them.

Who has which is said by locks (`runtime/occupancy.py`, docs/adr/0018-serverless.md). A call without one waits
for its turn; while any does, the controller is told, and one task looks for what becomes free.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from clary.core import wake
from clary.core.clock import Clock
from clary.core.errors import ApiError
from clary.runtime import occupancy
from clary.serving.connection import Host
from clary.serving.refusal import ServiceUnavailable
from clary.store.changes import Glance

LONGEST = 55.0  # Seconds that a call waits for an environment; clients give up after 60.
_AGAIN = 0.5  # Seconds until an environment is asked for again.
_PAUSE = 0.005  # Seconds between two looks for one.
_REFUSED = 1.0  # Seconds that an environment which was not there is left alone.

_log = logging.getLogger(__name__)


class Standing(Protocol):
    """Who has environments, as it is now."""

    @property
    def hosts(self) -> list[Host]:
        """The environments that there are; the same list as long as nothing changed."""
        ...

    def setback(self, since: datetime) -> ApiError | None:
        """Return why those who wait since then are told that none comes."""
        ...


class Changed(Exception):
    """Whoever was called has no such environments any more."""


Find = Callable[[], Standing]
"""Returns the standing as it is now; an ApiError, or Changed, is what all who wait are told."""


class Crew:
    """One crew. `uid` is whose environments they are: the record that the controller tends."""

    def __init__(self, uid: str, place: Path, bell: Path, changes: Glance, clock: Clock) -> None:
        self.place, self._bell, self._changes, self._clock = place, bell, changes, clock
        self._uid = uid
        self.calls = occupancy.Calls(place)
        self.hosts: list[Host] = []
        self._known: dict[str, occupancy.Environment] = {}
        self._busy: set[str] = set()
        self._used: set[str] = set()
        self._lost: dict[str, float] = {}
        self._waiting: deque[_Waiter] = deque()
        self._watching: asyncio.Task[None] | None = None

    async def have(self, began: float, find: Find) -> tuple[Host, bool]:
        """Return an environment for one call, and whether it had to be waited for and is a new one."""
        if not self._waiting and (host := self._free()):
            return host, False
        waiter = _Waiter(asyncio.get_running_loop().create_future(), self._clock.now())
        self._waiting.append(waiter)
        try:
            while not waiter.found.done() and (left := began + LONGEST - time.perf_counter()) > 0:
                self._keep_watching(find)
                await asyncio.wait([waiter.found], timeout=min(left, _AGAIN))
        except asyncio.CancelledError:
            if waiter.found.done() and not waiter.found.cancelled() and not waiter.found.exception():
                self.leave(waiter.found.result())
            raise
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
        if not waiter.found.done():
            waiter.found.cancel()
            raise ServiceUnavailable(
                f"No environment was free for {LONGEST:.0f} s. Try again, or provision more "
                "concurrency; its log says what they are doing."
            )
        host = waiter.found.result()
        fresh = host.uid not in self._used
        self._used.add(host.uid)
        return host, fresh

    def claim(self, host: Host) -> bool:
        """Take one environment for a call that had it before; False where somebody else has it."""
        return host.uid not in self._busy and self._taken(host)

    def leave(self, host: Host) -> None:
        """Give an environment to the next call that waits, or back."""
        if host.uid in {each.uid for each in self.hosts}:
            while self._waiting:
                waiter = self._waiting.popleft()
                if not waiter.found.done():
                    waiter.found.set_result(host)
                    return
        self._busy.discard(host.uid)
        self._known[host.uid].leave(self._clock.now().timestamp())

    def lose(self, host: Host) -> None:
        """Leave an environment that was not there to answer."""
        self._lost[host.uid] = time.perf_counter()
        self._busy.discard(host.uid)
        self._known[host.uid].leave(self._clock.now().timestamp())

    def close_environment(self, host: Host) -> None:
        """Close an environment that this process has, as the reaper does."""
        occupancy.forget(self.place, host.uid)
        self._busy.discard(host.uid)
        self._known[host.uid].leave(self._clock.now().timestamp())

    def idle(self) -> bool:
        """Say whether no call is under way."""
        return not self._busy and not self._waiting

    def close(self) -> None:
        """Forget them all."""
        self.calls.close()
        for environment in self._known.values():
            environment.close()

    def _free(self) -> Host | None:
        """Take the first environment that nobody has; later ones have rest, and go."""
        now = time.perf_counter()
        for host in self.hosts:
            if host.uid in self._busy or now - self._lost.get(host.uid, -_REFUSED) < _REFUSED:
                continue
            if self._taken(host):
                return host
        return None

    def _taken(self, host: Host) -> bool:
        """Take an environment that this process does not have, if nobody does."""
        try:
            known = self._known.get(host.uid) or occupancy.Environment(self.place, host.uid)
        except FileNotFoundError:  # it is closed
            return False
        self._known[host.uid] = known
        if not known.take():
            return False
        self._busy.add(host.uid)
        return True

    def _keep_watching(self, find: Find) -> None:
        """Have somebody look for environments, and again where that failed: the database may be busy."""
        if self._watching is not None and self._watching.done() and not self._watching.cancelled():
            if error := self._watching.exception():
                _log.warning("calls wait for an environment of %s: %r", self._uid, error)
            self._watching = None
        if self._watching is None:
            self._watching = asyncio.get_running_loop().create_task(self._watch(find))

    async def _watch(self, find: Find) -> None:
        """Hand out what becomes free, in this process or another, to those who wait, in their order."""
        rung = 0.0
        while self._waiting:
            now = time.perf_counter()
            if now - rung > _AGAIN:
                rung = now
                wake.send(self._bell, self._uid)
            self._changes.look(now)
            try:
                standing = find()
            except (ApiError, Changed) as gone:
                self._fail(lambda _, gone=gone: gone)  # type: ignore[misc]
                return
            self.see(standing.hosts)
            self._fail(lambda waiter, standing=standing: standing.setback(waiter.since))  # type: ignore[misc]
            while self._waiting and (host := self._free()):
                self.leave(host)
            await asyncio.sleep(_PAUSE)

    def see(self, hosts: list[Host]) -> None:
        """Take note of the environments there are; what is known of others is forgotten."""
        if hosts is self.hosts:
            return
        self.hosts = hosts
        uids = {host.uid for host in hosts}
        self._used &= uids
        self._lost = {uid: at for uid, at in self._lost.items() if uid in uids}
        for uid in self._known.keys() - uids - self._busy:
            self._known.pop(uid).close()

    def _fail(self, error: Callable[[_Waiter], Exception | None]) -> None:
        for waiter in [*self._waiting]:
            if (why := error(waiter)) and not waiter.found.done():
                waiter.found.set_exception(why)
                self._waiting.remove(waiter)


class _Waiter:
    """A call that waits, since when."""

    def __init__(self, found: asyncio.Future[Host], since: datetime) -> None:
        self.found, self.since = found, since
