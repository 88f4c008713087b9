"""A container that holds many models, spoken to by AWS's published contract. evidence/multi-model.md

The server of our own images says besides at which socket a loaded model can be asked without a detour.
"""

from __future__ import annotations

import json
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from clary.serving.connection import Answer, Host

SHORT = 60.0  # seconds for what is no load
_SOCKET = re.compile(r"model-[0-9]+-[0-9]+\.sock")
_MOST_PAGES = 100


@dataclass(frozen=True)
class Told:
    """A loaded model, as the container tells of it."""

    name: str
    url: str
    socket: Path | None


class Container:
    """One container, at its own socket."""

    def __init__(self, host: Host) -> None:
        self.host = host

    async def find(self, name: str) -> Told | None:
        """Return a model if it is loaded."""
        answer = await self._ask("GET", f"/models/{quote(name)}", b"", SHORT)
        return self.read(answer, name) if answer.status == 200 else None

    async def load(self, name: str, url: str, target: bytes, seconds: float) -> Answer:
        """Have a model loaded: 200, 409 where it is already, 507 where there is no room."""
        body = json.dumps({"model_name": name, "url": url}).encode()
        return await self._ask("POST", "/models", body, seconds, target)

    async def unload(self, name: str) -> None:
        """Have a model unloaded; one that is not loaded is nothing to do."""
        await self._ask("DELETE", f"/models/{quote(name)}", b"", SHORT)

    async def every(self) -> list[Told]:
        """Return all that are loaded."""
        found: list[Told] = []
        token = ""
        for _ in range(_MOST_PAGES):
            query = f"?next_page_token={quote(token)}" if token else ""
            answer = await self._ask("GET", f"/models{query}", b"", SHORT)
            page = _document(answer)
            models = page.get("models", ())
            listed = models if isinstance(models, list) else []
            found += [self._told(each) for each in listed if isinstance(each, dict)]
            token = str(page.get("nextPageToken") or "")
            if not token:
                break
        return found

    def read(self, answer: Answer, name: str) -> Told:
        """Return what an answer tells of a model."""
        return self._told({"modelName": name, **_document(answer)})

    def _told(self, document: dict[str, object]) -> Told:
        named = str(document.get("socket", ""))
        path = self.host.socket.parent / named if _SOCKET.fullmatch(named) else None
        return Told(str(document.get("modelName", "")), str(document.get("modelUrl", "")), _usable(path))

    async def _ask(self, method: str, path: str, body: bytes, seconds: float, target: bytes = b"") -> Answer:
        lines = [f"{method} {path} HTTP/1.1".encode(), b"Host: model", b"Accept: application/json"]
        if body:
            lines.append(b"Content-Type: application/json")
        if target:
            lines.append(b"X-Amzn-SageMaker-Target-Model: " + target)
        lines += [b"Content-Length: %d" % len(body), b"", b""]
        return await self.host.ask(b"\r\n".join(lines), body, seconds)


def _usable(path: Path | None) -> Path | None:
    """Return a path that is a socket itself, not a link that a container put there."""
    try:
        return path if path and stat.S_ISSOCK(path.lstat().st_mode) else None
    except OSError:
        return None


def _document(answer: Answer) -> dict[str, object]:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
