"""A container of many models that follows the published contract, for a few of them at once."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.serving.test_router import Model, ok


class Shelf:
    """Holds at most `room` models; each answers with the text that its archive has as `name`.

    With `sockets` it also says where a model can be asked itself, as the server of our own images does.
    """

    def __init__(self, path: Path, room: int = 100, *, sockets: bool = False) -> None:
        self.path, self.room, self.sockets = path, room, sockets
        self.loads: list[str] = []
        self.unloads: list[str] = []
        self.asked: list[str] = []
        self.models: dict[str, Path] = {}
        self.own: dict[str, Model] = {}
        self.before_load: Callable[[], None] = lambda: None
        self._lock, self._serial = threading.RLock(), 0
        self._server = Model(path, self._answer)

    def close(self) -> None:
        """Go away."""
        self._server.close()
        for name in list(self.own):
            self.drop(name)

    def drop(self, name: str) -> None:
        """Lose a model without a word."""
        self.models.pop(name, None)
        if own := self.own.pop(name, None):
            own.path.unlink()
            connections, own.open = own.open, []
            for connection in connections:
                with suppress(OSError):  # what was sent by now is answered, as our own server does
                    connection.shutdown(socket.SHUT_RD)
            own.close()

    def _answer(self, line: str, headers: dict[str, str], body: bytes) -> bytes:
        method, path, _ = line.split()
        self.asked.append(f"{method} {path}")
        _, _, name, *rest = [*path.split("/"), ""] if path == "/models" else path.split("/")
        if method == "POST" and not name:
            return self._load(json.loads(body), headers["x-amzn-sagemaker-target-model"])
        with self._lock:  # a model may go at any moment, but not while it is told of
            return self._said(method, name, rest)

    def _said(self, method: str, name: str, rest: list[str]) -> bytes:
        if method == "GET" and not name:
            return ok(json.dumps({"models": [self._told(each) for each in list(self.models)]}).encode())
        if name not in self.models:
            return _json(404, {"error": "no such model"})
        if rest == ["invoke"]:
            return ok(self._text(name), "Content-Type: text/plain")
        if method == "DELETE":
            self.unloads.append(self._text(name).decode())
            self.drop(name)
        return _json(200, self._told(name) if method == "GET" else {})

    def _load(self, asked: dict[str, str], target: str) -> bytes:
        self.before_load()
        with self._lock:
            name, folder = asked["model_name"], Path(asked["url"])
            if name in self.models:
                return _json(409, self._told(name))
            if len(self.models) >= self.room:
                return _json(507, {"error": "the shelf is full"})
            self.loads.append(target)
            if (folder / "bad").exists():
                return _json(500, {"error": f"Traceback: {(folder / 'bad').read_text()}"})
            self.models[name] = folder
            if self.sockets:
                self._serial += 1
                path = self.path.parent / f"model-1-{self._serial}.sock"
                text = self._text(name)
                self.own[name] = Model(path, lambda *_: ok(text + b" itself", "Content-Type: text/plain"))
            return _json(200, self._told(name))

    def _text(self, name: str) -> bytes:
        return (self.models[name] / "name").read_bytes()

    def _told(self, name: str) -> dict[str, str]:
        own = {"socket": self.own[name].path.name} if name in self.own else {}
        return {"modelName": name, "modelUrl": str(self.models[name]), **own}


def _json(status: int, body: dict[str, str]) -> bytes:
    answer = ok(json.dumps(body).encode(), "Content-Type: application/json")
    return answer.replace(b"200 OK", b"%d Said" % status, 1)
