"""A host of many models: each is loaded when it is first called, and the least used make room for others.

What is loaded is known to the container alone. What is kept here is a shortcut, found out to be wrong by the
call that takes it: a model's socket is that one model's, and is gone with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clary.core.errors import ApiError
from clary.core.limits import LIFTED
from clary.serving.connection import Answer, BadAnswer, Host, HostLost, Order, Unsent
from clary.serving.head import head
from clary.serving.models.container import Container, Told
from clary.serving.models.counts import Counts, add
from clary.serving.models.fetching import Fetching, Prefix
from clary.serving.pipeline import Piped
from clary.serving.refusal import Refused
from clary.serving.stream import Stream

if TYPE_CHECKING:
    from clary.serving.invocation import Invocation

TARGET = b"x-amzn-sagemaker-target-model"
LONGEST = 55.0  # Seconds that a call waits for its model; clients give up after 60.
LOADS_FOR = 360.0  # Seconds that a load may take; AWS gives as many.
_TRIES = 20  # Loads of one call whose model is unloaded again before it was asked.
_PAUSE = 0.05  # Seconds until it is tried again where all models are in use and none can make room.
_FRESH = 1.0  # Seconds for which a model's last use need not be noted again.


class NotReady(ApiError):
    """The model is still on its way."""

    code = "ModelNotReadyException"
    status = 429


class _Unloadable(Exception):
    """The container says why it does not load a model."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass(slots=True)
class _Loaded:
    """A model that was loaded when it was last asked. `host` is its own socket, where it has one."""

    name: str
    host: Own | None
    using: int = 0
    noted: float = 0.0

    @property
    def used(self) -> bool:
        """Whether somebody waits for its answer."""
        return self.using > 0 or (self.host is not None and self.host.load > 0)


class Own(Piped):
    """A loaded model's own server, which stands for its host: what it works on is the host's load too."""

    def __init__(self, many: Many, socket: Path) -> None:
        super().__init__(many.uid, socket, many.most)
        self._many = many

    async def ask(self, head: bytes, body: bytes, timeout: float, stream: Stream | None = None) -> Answer:
        """Ask without a detour by the host."""
        self._many.load += 1
        try:
            return await self.ask_within(head, body, timeout, stream)
        finally:
            self._many.load -= 1

    async def ask_within(self, head: bytes, body: bytes, timeout: float, stream: Stream | None) -> Answer:
        """Ask for a call that the host counts already."""
        return await super().ask(head, body, timeout, stream)

    def post(self, orders: Sequence[Order], timeout: float) -> bool:
        """Send requests over the pipes, where there is one."""
        taken = super().post(orders, timeout)
        if taken:
            self._many.load += len(orders)
        return taken

    def ended(self, order: Order, outcome: Answer | HostLost | BadAnswer | TimeoutError) -> None:
        """Hand out what came of a request."""
        self._many.load -= 1
        super().ended(order, outcome)


class Many(Host):
    """To the router a host like any other, of which a call names the model."""

    plain = False

    def __init__(
        self,
        uid: str,
        socket: Path,
        prefix: Prefix,
        fetching: Fetching,
        counts: Counts,
        most: int = LIFTED.prediction_bytes,
    ) -> None:
        super().__init__(uid, socket, most)
        self.counts, self._prefix, self._fetching = counts, prefix, fetching
        self._door = Host(uid, socket, most)
        self._container = Container(self._door)
        self._loaded: dict[bytes, _Loaded] = {}
        self._loading: dict[bytes, asyncio.Task[_Loaded]] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    async def call(
        self, call: Invocation, patience: float, stream: Stream | None = None
    ) -> tuple[str, Answer]:
        """Return the answer of the model that the call names, and this host's uid."""
        target = call.headers.get(TARGET, b"")
        if not target:
            raise Refused(  # evidence/multi-model.md
                "The request is missing a target model header: the endpoint "
                f"{call.endpoint} has many models. Name one of them as TargetModel."
            )
        self.load += 1
        began = time.perf_counter()
        self.counts.hits[int(target in self._loaded)] += 1
        try:
            for _ in range(_TRIES):
                loaded = self._loaded.get(target) or await self._wait(target, call, began)
                try:
                    answer = await self._ask(loaded, call, patience, stream)
                except Unsent:  # unloaded, or its process ended, before the call was taken in
                    self._forget(target, loaded)
                    continue
                absent = answer.status == 404 and loaded.host is None and await self._gone(loaded)
                if absent:
                    self._forget(target, loaded)
                    continue
                return self.uid, answer
        except _Unloadable as unloadable:
            return self.uid, unloadable.answer
        finally:
            self.load -= 1
        raise HostLost(f"its model was unloaded {_TRIES} times before it could be asked")

    def at_once(self, call: Invocation) -> Own | None:
        """Return the server of the model that a call names, where nothing has to be done before or after."""
        loaded = self._loaded.get(call.headers.get(TARGET, b""))
        if loaded is None or loaded.host is None or not self._prefix.kept:
            return None
        self.counts.hits[1] += 1
        self._note_use(loaded)
        return loaded.host

    async def present(self) -> int:
        """Return how many models are loaded."""
        return len(await self._container.every())

    def close(self) -> None:
        """Drop the idle connections."""
        self._door.close()
        for loaded in self._loaded.values():
            if loaded.host:
                loaded.host.close()

    async def _ask(self, loaded: _Loaded, call: Invocation, patience: float, stream: Stream | None) -> Answer:
        loaded.using += 1
        self._note_use(loaded)
        asked = head(call.headers, len(call.body))
        try:
            if loaded.host:
                return await loaded.host.ask_within(asked, call.body, patience, stream)
            path = b"POST /models/%s/invoke " % loaded.name.encode()
            asked = asked.replace(b"POST /invocations ", path, 1)
            return await self._door.ask(asked, call.body, patience, stream)
        finally:
            loaded.using -= 1
            if not self._prefix.kept and not loaded.used:
                self._let_go(loaded)

    async def _wait(self, target: bytes, call: Invocation, began: float) -> _Loaded:
        """Wait until a model is loaded; many callers wait for one load, which goes on without them."""
        loading = self._loading.get(target)
        if loading is None:
            loading = asyncio.get_running_loop().create_task(self._bring(target))
            self._loading[target] = loading
            loading.add_done_callback(lambda task: self._brought(target, task))
        left = call.began + LONGEST - time.perf_counter()
        done, _ = await asyncio.wait([loading], timeout=max(0.0, left))
        add(self.counts.waited, time.perf_counter() - began)
        if not done:
            name = target.decode("utf-8", "replace")
            raise NotReady(
                f"The model {name} of the endpoint {call.endpoint} is still being loaded. Try again."
            )
        return loading.result()

    def _brought(self, target: bytes, task: asyncio.Task[_Loaded]) -> None:
        self._loading.pop(target, None)
        if not task.cancelled() and task.exception() is None:
            self._loaded[target] = task.result()

    async def _bring(self, target: bytes) -> _Loaded:
        """Find a model loaded already, by another process say, or fetch it and have it loaded."""
        name = hashlib.sha256(target).hexdigest()[:32]
        try:
            told = await self._container.find(name) or await self._load(name, target)
        except TimeoutError as error:
            raise HostLost(f"its container did not load the model within {LOADS_FOR:.0f} s") from error
        except BadAnswer as error:
            raise HostLost(f"its container's answer was no answer: {error}") from error
        return _Loaded(name, Own(self, told.socket) if told.socket else None)

    async def _load(self, name: str, target: bytes) -> Told:
        began = time.perf_counter()
        full = self._fetching.is_full()
        urls = [told.url for told in await self._container.every()] if full else None
        url = await self._fetching.fetch(self.uid, self._prefix, target.decode("utf-8", "replace"), urls)
        fetched = time.perf_counter()
        add(self.counts.downloaded, fetched - began)
        while True:
            self._note(name)
            left = fetched + LOADS_FOR - time.perf_counter()
            answer = await self._container.load(name, url, target, max(left, _PAUSE))
            if answer.status in (200, 409):
                add(self.counts.loaded, time.perf_counter() - fetched)
                told = self._container.read(answer, name)
                return told if told.socket else await self._container.find(name) or told
            if answer.status != 507 or left <= 0 or not await self._make_room(name):
                raise _Unloadable(answer)

    async def _make_room(self, name: str) -> bool:
        """Unload the model that was not asked for longest; tell whether there is one that can ever go."""
        others = [told.name for told in await self._container.every() if told.name != name]
        busy = {loaded.name for loaded in self._loaded.values() if loaded.used}
        idle = [other for other in others if other not in busy]
        if not idle:
            await asyncio.sleep(_PAUSE)
            return bool(others)
        await self._unload(min(idle, key=self._noted))
        return True

    async def _unload(self, name: str) -> None:
        began = time.perf_counter()
        await self._container.unload(name)
        add(self.counts.unloaded, time.perf_counter() - began)
        for target, loaded in list(self._loaded.items()):
            if loaded.name == name:
                self._forget(target, loaded)

    def _let_go(self, loaded: _Loaded) -> None:
        """Unload a model that is not to be kept, once nobody uses it."""
        for target in [target for target, each in self._loaded.items() if each is loaded]:
            del self._loaded[target]

        async def leave() -> None:
            with contextlib.suppress(HostLost, BadAnswer, TimeoutError):
                await self._unload(loaded.name)

        task = asyncio.get_running_loop().create_task(leave())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _gone(self, loaded: _Loaded) -> bool:
        """Tell whether a 404 is the container's, which does not have the model, or the model's own."""
        with contextlib.suppress(TimeoutError, BadAnswer):
            return await self._container.find(loaded.name) is None
        return False

    def _forget(self, target: bytes, loaded: _Loaded) -> None:
        if self._loaded.get(target) is loaded:
            del self._loaded[target]
        if loaded.host and not loaded.used:
            loaded.host.close()

    def _note_use(self, loaded: _Loaded) -> None:
        now = time.perf_counter()
        if now - loaded.noted > _FRESH:
            loaded.noted = now
            self._note(loaded.name)

    def _note(self, name: str) -> None:
        """Note a model's use where all gateway processes look."""
        mark = self._fetching.marks(self.uid) / name
        with contextlib.suppress(OSError):
            mark.touch()

    def _noted(self, name: str) -> float:
        try:
            return os.stat(self._fetching.marks(self.uid) / name).st_mtime  # noqa: PTH116 - once a model
        except OSError:
            return 0.0
