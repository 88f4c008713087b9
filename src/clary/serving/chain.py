"""A host of several containers: each answers what the one before it did, or the one that is named answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clary.core.limits import LIFTED
from clary.serving.connection import Answer, BadAnswer, Host, HostLost, Unsent
from clary.serving.head import head, passed_on
from clary.serving.stream import Stream


@dataclass(frozen=True)
class Container:
    """One container: its host name, and where it listens."""

    name: str
    socket: Path


class Late(TimeoutError):
    """One container of several did not answer in time."""

    def __init__(self, uid: str, name: str) -> None:
        super().__init__()
        self.uid, self.name = uid, name


class Chain(Host):
    """To the router a host like any other; its own socket is its first container's."""

    plain = False

    def __init__(
        self,
        uid: str,
        containers: Sequence[Container],
        *,
        direct: bool,
        most: int = LIFTED.prediction_bytes,
    ) -> None:
        super().__init__(uid, containers[0].socket, most)
        self.direct = direct
        self._containers = [
            (each.name, Host(f"{uid}/{number}", each.socket, most))
            for number, each in enumerate(containers, 1)
        ]

    @property
    def names(self) -> list[str]:
        """The containers' host names."""
        return [name for name, _ in self._containers]

    async def call(
        self,
        headers: Mapping[bytes, bytes],
        body: bytes,
        timeout: float,
        stream: Stream | None = None,
        only: str = "",
    ) -> tuple[str, Answer]:
        """Return what the last container answered, or the first that failed, and that container's uid.

        `only` names the container to ask where they are asked directly.
        """
        self.load += 1
        try:
            if self.direct:
                container = next(host for name, host in self._containers if name == only)
                asked = head(headers, len(body))
                return container.uid, await _ask(container, only, asked, body, timeout, stream)
            return await self._in_turn(headers, body, timeout, stream)
        finally:
            self.load -= 1

    def close(self) -> None:
        """Drop the idle connections."""
        for _, container in self._containers:
            container.close()

    async def _in_turn(
        self, headers: Mapping[bytes, bytes], body: bytes, timeout: float, stream: Stream | None
    ) -> tuple[str, Answer]:
        loop = asyncio.get_running_loop()
        until, kind = loop.time() + timeout, headers.get(b"content-type")
        *first, (last_name, last) = self._containers
        for number, (name, container) in enumerate(first):
            asked = head(passed_on(headers, kind, last=False), len(body))
            answer = await _ask(container, name, asked, body, until - loop.time(), first=not number)
            if answer.status >= 300:
                return container.uid, answer
            body, kind = answer.body, answer.headers.get(b"content-type")
        asked = head(passed_on(headers, kind, last=True), len(body))
        left = until - loop.time()
        return last.uid, await _ask(last, last_name, asked, body, left, stream, first=not first)


async def _ask(
    container: Host,
    name: str,
    asked: bytes,
    body: bytes,
    timeout: float,
    stream: Stream | None = None,
    *,
    first: bool = True,
) -> Answer:
    """Ask one container; what goes wrong says which one it was."""
    try:
        return await container.ask(asked, body, timeout, stream)
    except Unsent as error:
        if first:
            raise
        raise HostLost(f"{error}; the containers before it had answered") from error
    except BadAnswer as error:
        error.uid = container.uid
        raise
    except TimeoutError as error:
        raise Late(container.uid, name) from error
