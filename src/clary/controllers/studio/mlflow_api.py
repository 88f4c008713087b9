"""Asks a running MLflow server's REST API over its socket, past the gateway: as Clary, for Clary.

What answers runs in a sandbox: its answers are data, of a size and in a time that are bounded.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from clary.core import unix
from clary.core.document import Document

API = "/api/2.0/mlflow"
PATIENCE = 5.0  # seconds for one answer
LARGEST = 16 << 20  # bytes of one answer
PAGE, MOST_PAGES = 100, 1000


class NoAnswer(Exception):
    """The server did not answer as MLflow does; the message says how."""


class Client:
    """One server, over a connection for each question."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, place: str, **query: str) -> Document:
        """Read something."""
        return self._ask("GET", f"{API}/{place}?{urlencode(query)}", None)

    def post(self, place: str, body: Document) -> Document:
        """Search for something."""
        return self._ask("POST", f"{API}/{place}", body)

    def pages(self, place: str, member: str, body: Document) -> Iterator[Document]:
        """Search, and yield what a member of the answers lists, page by page."""
        asked = dict(body)
        for _ in range(MOST_PAGES):
            told = self.post(place, asked)
            yield from told.get(member, ())
            if not told.get("next_page_token"):
                return
            asked["page_token"] = told["next_page_token"]
        raise NoAnswer(f"{place} has more than {MOST_PAGES} pages")

    def newest_versions(self) -> Iterator[Document]:
        """Yield every version of every registered model, the one created last first."""
        query = {"max_results": str(PAGE), "order_by": "creation_timestamp DESC"}
        for _ in range(MOST_PAGES):
            told = self.get("model-versions/search", **query)
            yield from told.get("model_versions", ())
            if not told.get("next_page_token"):
                return
            query["page_token"] = told["next_page_token"]
        raise NoAnswer(f"it tells of more than {MOST_PAGES * PAGE} versions of models")

    def _ask(self, method: str, target: str, body: Document | None) -> Document:
        connection = _Connection(self._path)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, target, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read(LARGEST + 1)
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"{target}: {error}") from error
        finally:
            connection.close()
        if answer.status != 200 or len(text) > LARGEST:
            raise NoAnswer(f"{target}: {answer.status}, {len(text)} bytes")
        try:
            told = json.loads(text)
        except ValueError as error:
            raise NoAnswer(f"{target}: {error}") from error
        if not isinstance(told, dict):
            raise NoAnswer(f"{target}: not an object")
        return told


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        with unix.address(self._path) as name:
            self.sock.connect(name)
