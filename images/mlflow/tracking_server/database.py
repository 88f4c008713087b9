"""A new database for the server: whole and on disk under its name, or not there."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path


def make(path: Path) -> None:
    """Make the database, with MLflow's own migrations, unless there is one.

    There are dozens, each of which waits for the disk where it is committed. On a draft that nobody else
    knows none has to: it is synced once and then gets its name.
    """
    if path.exists():
        return
    from mlflow.store.db.utils import _initialize_tables
    from sqlalchemy import create_engine, event

    draft = path.with_name(f"{path.name}.draft")
    for left in path.parent.glob(f"{draft.name}*"):  # by a start that was killed
        left.unlink()
    engine = create_engine(f"sqlite:///{draft}")
    try:
        # MLflow opens connections of engines of its own besides.
        event.listen(type(engine), "connect", _hasten)
        _initialize_tables(engine)
    finally:
        event.remove(type(engine), "connect", _hasten)
        engine.dispose()
    for each in (draft, path.parent):
        handle = os.open(each, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    draft.replace(path)


def _hasten(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = MEMORY")
