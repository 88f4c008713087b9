"""The audit log: one JSON line a call, each carrying the hash of the line before it.

Written by one thread off the hot path. A line says who did what to which resource and how it ended; it never
holds a payload. Each gateway process owns one file (`logs/audit-<slot>.jsonl`): a chain has one writer.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_START = "0" * 64
_GATHERING = 0.02  # seconds of calls written in one go
_FORM = (  # JSON; `json.dumps` takes twice as long for a line
    '{"time":"%s","requestId":%s,"account":%s,"principal":%s,"accessKey":%s,"sourceIp":%s,"service":%s,'
    '"operation":%s,"resource":%s,"status":%d,"error":%s,"previous":"%s"}'
)
_text = json.encoder.encode_basestring_ascii
_log = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)  # not frozen: that would cost every call a microsecond
class Entry:
    """What one call leaves behind."""

    time: datetime
    request_id: str
    account: str = ""
    principal: str = ""
    access_key: str = ""
    source_ip: str = ""
    service: str = ""
    operation: str = ""
    resource: str = ""
    status: int = 0
    error: str = ""


class Audit:
    """The one writer of one audit file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._previous = _last_hash(path)
        self._waiting: deque[Entry] = deque()
        self._bell = threading.Event()
        self._closing = False
        self._writer = threading.Thread(target=self._write, name="audit", daemon=True)
        self._writer.start()

    def add(self, entry: Entry) -> None:
        """Queue one line; returns at once."""
        self._waiting.append(entry)
        if not self._bell.is_set():  # waking the writer costs more than all the rest
            self._bell.set()

    def close(self) -> None:
        """Write what waits, then stop."""
        self._closing = True
        self._bell.set()
        self._writer.join()

    def _write(self) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            self._path.chmod(0o600)
            while not self._closing or self._waiting:
                self._bell.wait()
                if not self._closing:
                    time.sleep(_GATHERING)
                self._bell.clear()
                lines = [self._line(self._waiting.popleft()) for _ in range(len(self._waiting))]
                try:
                    file.write("".join(lines))
                    file.flush()
                except OSError as error:
                    _log.error("%d calls are missing in %s: %s", len(lines), self._path, error)

    def _line(self, entry: Entry) -> str:
        body = _FORM % (
            entry.time.isoformat(timespec="milliseconds"),
            _text(entry.request_id),
            _text(entry.account),
            _text(entry.principal),
            _text(entry.access_key),
            _text(entry.source_ip),
            _text(entry.service),
            _text(entry.operation),
            _text(entry.resource),
            entry.status,
            _text(entry.error),
            self._previous,
        )
        self._previous = hashlib.sha256(body.encode()).hexdigest()
        return f'{body[:-1]},"hash":"{self._previous}"}}\n'


def broken_lines(lines: Iterable[str]) -> Iterator[int]:
    """Yield the number of every line that was changed, or does not follow the line before it."""
    previous = _START
    for number, line in enumerate(lines, 1):
        body, mark, _ = line.rpartition(',"hash":"')
        actual = hashlib.sha256(f"{body}}}".encode()).hexdigest()
        claimed = _claimed_hash(line)
        if not mark or actual != claimed or f'"previous":"{previous}"' not in body:
            yield number
        previous = claimed


def _last_hash(path: Path) -> str:
    """Return the hash a new line carries on from; a line cut short by a crash is ended and stays."""
    if not path.exists() or not path.stat().st_size:
        return _START
    with path.open("rb+") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - (1 << 16)))
        tail = file.read()
        if not tail.endswith(b"\n"):
            file.seek(0, 2)
            file.write(b"\n")
    return _claimed_hash(tail.rstrip(b"\n").rpartition(b"\n")[2].decode(errors="replace"))


def _claimed_hash(line: str) -> str:
    _, mark, tail = line.rstrip("\n").rpartition(',"hash":"')
    return tail.removesuffix('"}') if mark else hashlib.sha256(line.rstrip("\n").encode()).hexdigest()
