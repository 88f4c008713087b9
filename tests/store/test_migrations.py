"""What the migrations build is what the modules declare."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, Table, inspect
from sqlalchemy.schema import CreateIndex, CreateTable

import clary.store.events.tables
import clary.store.features.tables
import clary.store.invocations.tables
import clary.store.lineage.tables
import clary.store.log_tables
import clary.store.metrics.alarm_tables
import clary.store.metrics.tables
import clary.store.objects.tables
import clary.store.queues.tables
import clary.store.search_tables
import clary.store.tables  # noqa: F401 each declares its tables on being imported
from clary.store.database import Database, metadata


def declared(table: Table, engine: Engine) -> set[str]:
    made = [
        CreateTable(table).compile(engine),
        *(CreateIndex(index).compile(engine) for index in table.indexes),
    ]
    return {" ".join(str(text).split()) for text in made}


def test_migrations_build_the_tables_that_the_modules_declare(tmp_path: Path) -> None:
    database = Database(tmp_path / "clary.db")
    with database.read() as connection:
        rows = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").scalars()
        built = {" ".join(str(sql).split()) for sql in rows}
        names = set(inspect(connection).get_table_names()) - {"migrations", "sqlite_sequence"}
    assert names == set(metadata.tables)
    for table in metadata.tables.values():
        assert declared(table, database.engine) <= built, table.name


def test_opening_twice_changes_nothing(tmp_path: Path) -> None:
    Database(tmp_path / "clary.db").close()
    before = (tmp_path / "clary.db").read_bytes()
    Database(tmp_path / "clary.db").close()
    assert (tmp_path / "clary.db").read_bytes() == before


def test_a_write_is_synchronous_and_logged_ahead(tmp_path: Path) -> None:
    database = Database(tmp_path / "clary.db")
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
