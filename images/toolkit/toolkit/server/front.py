"""The door of a multi-model server: speaks the published contract, and has the master do what is asked.

A process of its own, so that the master, which forks, has no event loop and no caller can hold it up.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import parse_qs, unquote

import httptools
import uvloop

from toolkit.server import children
from toolkit.server.callers import Callers
from toolkit.server.http import Connection
from toolkit.server.master import Settings
from toolkit.server.messages import JSON, Answer, Refused, Request

LONGEST_NAME, LONGEST_URL = 1024, 4096
TARGET = "x-amzn-sagemaker-target-model"
_FULL = 0.005  # seconds until a master that has many orders to read is told another
_PASSED = 5.0  # seconds after the model's own limit until its answer is given up


def fork(
    sockets: Sequence[socket.socket],
    channel: socket.socket,
    chosen: Settings,
    folder: Path,
    shut: Callable[[], None],
) -> int:
    """Start the door's process; it ends with the master."""

    def work() -> int:
        shut()
        uvloop.run(_serve(sockets, channel, folder, chosen.timeout_seconds + _PASSED))
        return 0

    return children.fork(work)


async def _serve(
    sockets: Sequence[socket.socket], channel: socket.socket, folder: Path, patience: float
) -> None:
    loop = asyncio.get_running_loop()
    door = Front(loop, channel, folder, patience)
    loop.add_signal_handler(signal.SIGTERM, door.drain)
    await door.accept(sockets, lambda: _Caller(door))
    await door.finished.wait()


class _Caller(Connection):
    """A connection that also knows the paths of models."""

    __slots__ = ()

    def _begin(self, path: bytes, method: str, request: Request, keep: bool) -> None:
        if path != b"/models" and not path.startswith(b"/models/"):
            super()._begin(path, method, request, keep)
            return
        self.busy, self._keep = True, keep
        assert isinstance(self._desk, Front)  # noqa: S101 - nobody else makes one
        self._desk.begin(self, method, path, self._url.partition(b"?")[2], request)


class Front(Callers):
    """Answers /models, and passes invocations on to the model's own socket."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, channel: socket.socket, folder: Path, patience: float
    ) -> None:
        super().__init__(loop)
        self.offer = ""
        self._channel, self._folder, self._patience = channel, folder, patience
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: dict[int, asyncio.Future[tuple[int, dict[str, object]]]] = {}
        self._number = 0
        channel.setblocking(False)
        loop.add_reader(channel.fileno(), self._hear)

    def invoke(self, connection: Connection, request: Request) -> None:
        """Refuse an invocation that names no model."""
        text = "This server has many models: POST /models/{name}/invoke."
        connection.reply(Refused(400, text).answer())

    def parameters(self) -> Answer:
        """Say that a batch transform cannot be driven here."""
        return Refused(404, "A multi-model server has no execution parameters.").answer()

    def begin(self, connection: Connection, method: str, path: bytes, query: bytes, request: Request) -> None:
        """Answer a request about models, later."""
        task = self._loop.create_task(self._answer(connection, method, path, query, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(
        self, connection: Connection, method: str, path: bytes, query: bytes, request: Request
    ) -> None:
        try:
            answer = await self._route(method, path.decode("latin-1"), query.decode("latin-1"), request)
        except Refused as refused:
            answer = refused.answer()
        except Exception as wrong:
            traceback.print_exc()
            answer = Refused(500, f"{type(wrong).__name__}: {wrong}").answer()
        connection.reply(answer)

    async def _route(self, method: str, path: str, query: str, request: Request) -> Answer:
        _, _, name, *rest = [*path.split("/"), ""] if path == "/models" else path.split("/")
        name = _fit(unquote(name), "The name of a model", LONGEST_NAME)
        if not name and method == "POST":
            return await self._load(request)
        if not name and method == "GET":
            token = parse_qs(query).get("next_page_token", [""])[0]
            return _json(*await self._order("list", name=_fit(token, "next_page_token", LONGEST_NAME)))
        if name and not rest and method in ("GET", "DELETE"):
            return _json(*await self._order("get" if method == "GET" else "unload", name=name))
        if name and rest == ["invoke"] and method == "POST":
            return await self._invoke(name, request)
        raise Refused(
            405 if not name or rest in ([], ["invoke"]) else 404, f"There is no {method} {path} here."
        )

    async def _load(self, request: Request) -> Answer:
        try:
            asked = json.loads(request.body)
            name, url = asked["model_name"], asked["url"]
        except (ValueError, KeyError, TypeError) as wrong:
            raise Refused(
                400, 'The body must be like {"model_name": "…", "url": "/opt/ml/models/…"}.'
            ) from wrong
        if not isinstance(name, str) or not isinstance(url, str) or not name or "\0" in url:
            raise Refused(400, "model_name and url must be texts.")
        name, url = _fit(name, "model_name", LONGEST_NAME), _fit(url, "url", LONGEST_URL)
        target = _fit(dict(request.headers).get(TARGET, name), TARGET, LONGEST_NAME)
        return _json(*await self._order("load", name=name, url=url, target=target))

    async def _invoke(self, name: str, request: Request) -> Answer:
        before = ""
        while True:
            status, told = await self._order("get", name=name)
            if status != 200:
                return _json(status, told)
            if told["socket"] == before:
                raise Refused(500, f"The process of the model {name} ended before it answered.")
            before = str(told["socket"])
            try:
                async with asyncio.timeout(self._patience):
                    return await _passed_on(self._folder / before, request)
            except TimeoutError as wrong:
                raise Refused(500, f"The model {name} did not answer in {self._patience:.0f} s.") from wrong
            except OSError:  # it did not take the request in: it is gone, or there again elsewhere
                continue
            except EOFError as wrong:
                raise Refused(500, f"The process of the model {name} ended before it answered.") from wrong

    async def _order(self, do: str, **words: str) -> tuple[int, dict[str, object]]:
        self._number += 1
        number = self._number
        waiting: asyncio.Future[tuple[int, dict[str, object]]] = self._loop.create_future()
        self._waiting[number] = waiting
        order = json.dumps({"do": do, "number": number, **words}, ensure_ascii=False).encode()
        try:
            while not self._sent(order):
                await asyncio.sleep(_FULL)
            return await waiting
        finally:
            del self._waiting[number]

    def _sent(self, order: bytes) -> bool:
        try:
            self._channel.send(order)
        except BlockingIOError:
            return False
        return True

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = self._channel.recv(1 << 20)
            if not data:
                os._exit(1)  # the master is gone
            told = json.loads(data)
            waiting = self._waiting.get(told["number"])
            if waiting and not waiting.done():
                waiting.set_result((told["status"], told["body"]))


def _fit(text: str, what: str, longest: int) -> str:
    """Return a text that can be told the master, who reads 64 KiB of UTF-8 at most."""
    if len(text) > longest:
        raise Refused(400, f"{what} has {len(text)} characters; it may have {longest}.")
    try:
        text.encode()
    except UnicodeEncodeError as wrong:
        raise Refused(400, f"{what} is not Unicode: {text!r} has half a surrogate pair.") from wrong
    return text


def _json(status: int, body: dict[str, object]) -> Answer:
    return Answer(status, JSON, json.dumps(body).encode())


async def _passed_on(path: Path, request: Request) -> Answer:
    """Ask a model on its own socket."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        lines = ["POST /invocations HTTP/1.1", "Host: model", f"Content-Length: {len(request.body)}"]
        lines += [f"Content-Type: {request.content_type}"] if request.content_type else []
        lines += [f"Accept: {request.accept}"] if request.accept else []
        lines += [f"{name}: {value}" for name, value in request.headers]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + request.body)
        told = _Told()
        parser = httptools.HttpResponseParser(told)
        while not told.whole:
            piece = await reader.read(1 << 16)
            if not piece:
                raise EOFError("its process ended")
            parser.feed_data(piece)
        return Answer(parser.get_status_code(), told.kind, b"".join(told.body))
    finally:
        writer.close()


class _Told:
    """What a model answered; httptools calls the `on_…` methods."""

    def __init__(self) -> None:
        self.kind, self.whole = "application/octet-stream", False
        self.body: list[bytes] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the content type."""
        if name.lower() == b"content-type":
            self.kind = value.decode("latin-1")

    def on_body(self, data: bytes) -> None:
        """Collect the body."""
        self.body.append(data)

    def on_message_complete(self) -> None:
        """Note the end."""
        self.whole = True
