"""Small contents without a wait for their files: acknowledged by the database, which holds them as well.

A small body is written to its file and, in the transaction that names it, to a table. One wait for the disk
makes both true. Later, away from any caller, the file system is synced once for all of them, and the table
forgets them. After a crash of the machine the files are made again from the table.
"""

from __future__ import annotations

import ctypes
import logging
import os
import threading
from datetime import timedelta

from sqlalchemy import bindparam, delete, func, insert, select

from clary.core.errors import TryAgain
from clary.core.ids import uid
from clary.store.database import Database
from clary.store.objects.content import Content
from clary.store.objects.tables import FRESH
from clary.store.statement import Statement

SMALL = 32 << 10
"""Bytes of the largest body that is kept so."""

_DELAY = timedelta(seconds=2)
_BATCH = 500
_log = logging.getLogger(__name__)

KEEP = Statement(insert(FRESH).values(content=bindparam("name"), body=bindparam("bytes")))
"""Keeps a content's bytes, in the transaction that names it."""


class Fresh:
    """The contents whose files may not be on disk yet."""

    def __init__(self, database: Database, content: Content) -> None:
        self._database, self._content = database, content
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._closed = False

    def note(self) -> None:
        """See to it that what is fresh by now is settled in time."""
        if self._timer is not None:
            return
        with self._lock:
            if self._timer is None and not self._closed:
                self._timer = threading.Timer(_DELAY.total_seconds(), self._ring)
                self._timer.daemon = True
                self._timer.start()

    def settle(self) -> None:
        """Sync the files, then forget what the table held of them."""
        with self._database.read() as connection:
            last = connection.scalar(select(func.max(FRESH.c.id)))
            first = connection.scalar(select(func.min(FRESH.c.id)))
        if last is None or first is None:
            return
        self._sync()
        for upto in range(first + _BATCH - 1, last + _BATCH, _BATCH):
            with self._database.write() as connection:
                connection.execute(delete(FRESH).where(FRESH.c.id <= min(upto, last)))

    def recover(self) -> int:
        """Make the files again that a crash of the machine took; return how many those were."""
        restored, after = 0, -1
        while True:
            with self._database.read() as connection:
                query = select(FRESH).where(FRESH.c.id > after).order_by(FRESH.c.id).limit(_BATCH)
                rows = connection.execute(query).all()
            if not rows:
                break
            for row in rows:
                restored += self._restore(row.content, row.body)
            after = rows[-1].id
        if after >= 0:
            self.settle()
        return restored

    def close(self) -> None:
        """Stop the timer; what is left is settled at the next start."""
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()

    def _restore(self, content: str, body: bytes) -> bool:
        path = self._content.path(content)
        try:
            if path.read_bytes() == body:
                return False
        except FileNotFoundError:
            pass
        path.parent.mkdir(exist_ok=True)
        staged = self._content.staging / uid()
        staged.write_bytes(body)
        staged.chmod(0o444)
        staged.rename(path)
        return True

    def _sync(self) -> None:
        directory = os.open(self._content.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if self._libc.syncfs(directory):
                raise OSError(ctypes.get_errno(), "the files of small objects cannot be synced")
        finally:
            os.close(directory)

    def _ring(self) -> None:
        with self._lock:
            self._timer = None
        try:
            self.settle()
        except FileNotFoundError:
            _log.warning("%s is gone, and with it what was to be synced", self._content.directory)
        except (TryAgain, OSError) as error:
            _log.warning("%s; trying again", error)
            self.note()
