"""The index is what the documents say, at any moment at which somebody asks."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.store.opened import job, records

from clary.resources.inference.model import MODEL
from clary.resources.training.training_job import TRAINING_JOB
from clary.store import search_index
from clary.store.migrations.m0011_search import upgrade
from clary.store.record import scope_of
from clary.store.records import Record, Records
from clary.store.search_tables import NUMBERS, PENDING, TEXTS
from clary.store.search_terms import path_of, terms_of
from clary.store.tables import RECORDS

STATUSES = ("InProgress", "Completed", "Failed")


@pytest.fixture
def store(tmp_path: Path) -> Records:
    return records(tmp_path)


def rows(store: Records) -> tuple[set[tuple[object, ...]], set[tuple[object, ...]]]:
    """Return what the index holds."""
    with store.database.read() as connection:
        return (
            {tuple(row) for row in connection.execute(select(TEXTS))},
            {tuple(row) for row in connection.execute(select(NUMBERS))},
        )


def told(store: Records) -> tuple[set[tuple[object, ...]], set[tuple[object, ...]]]:
    """Return what it should hold by the documents."""
    texts: set[tuple[object, ...]] = set()
    numbers: set[tuple[object, ...]] = set()
    with store.database.read() as connection:
        found = connection.execute(select(RECORDS.c.id, RECORDS.c.scope, RECORDS.c.doc)).all()
    for row in found:
        terms = terms_of(TRAINING_JOB, row.doc)
        texts |= {(path_of(row.scope, name), value, row.id, item) for name, value, item in terms.texts}
        numbers |= {(path_of(row.scope, name), value, row.id, item) for name, value, item in terms.numbers}
    return texts, numbers


def scope(store: Records) -> int:
    return scope_of("sagemaker", "TrainingJob", store.account, store.region)


def test_after_any_writes_the_index_says_what_the_documents_say(store: Records) -> None:
    dice = random.Random(3)  # noqa: S311 - the same writes in every run
    live: list[Record] = []
    for number in range(300):
        what = dice.random()
        if what < 0.5 or not live:
            tags = [{"Key": "n", "Value": str(number)}]
            live.append(job(store, f"job-{number}", Tags=tags, InputDataConfig=[{"ChannelName": "a"}] * 2))
        elif what < 0.8:
            at = dice.randrange(len(live))
            changes = {"TrainingJobStatus": dice.choice(STATUSES), "HyperParameters": {"x": str(number)}}
            live[at] = store.update(live[at], changes, remove=dice.choice(((), ("Tags",))))
        else:
            store.delete(live.pop(dice.randrange(len(live))))
        if dice.random() < 0.05:
            search_index.follow(store.database, scope(store))
            assert rows(store) == told(store)
    search_index.follow(store.database, scope(store))
    assert rows(store) == told(store)


def test_notes_do_not_pile_up(store: Records) -> None:
    for number in range(3 * search_index.BATCH):
        job(store, f"job-{number}")
        with store.database.read() as connection:
            assert len(connection.execute(select(PENDING.c.record)).all()) <= search_index.BATCH


def test_a_write_that_is_undone_leaves_no_note(store: Records) -> None:
    with pytest.raises(RuntimeError), store.database.write():
        job(store, "undone")
        raise RuntimeError("undone")
    search_index.follow(store.database, scope(store))
    assert rows(store) == (set(), set())


def test_records_from_before_the_index_are_indexed_when_first_asked(store: Records) -> None:
    for number in range(700):
        job(store, f"job-{number}")
    with store.database.write() as connection:
        for table in ("search_texts", "search_numbers", "search_paths", "search_pending"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
        upgrade(connection)
    search_index.follow(store.database, scope(store))
    assert rows(store) == told(store)


def test_the_controllers_own_members_are_not_indexed(store: Records) -> None:
    job(store, "job", _Secret="x", VpcConfig={"Subnets": ["a", "b"]})
    model = store.create(MODEL, {"ModelName": "m", "_Wanted": {"a": 1}})
    texts = terms_of(MODEL, model.doc).texts
    assert all(not name.startswith("_") for name, _, _ in texts)
    search_index.follow(store.database, scope(store))
    assert "x" not in {row[1] for row in rows(store)[0]}


def test_elements_of_lists_are_told_apart_to_the_third_list() -> None:
    doc = {"TrainingJobName": "j", "A": [{"B": [{"C": ["x", "y"]}]}, {"B": [{"C": ["x"]}, {"C": ["z"]}]}]}
    texts = {term for term in terms_of(TRAINING_JOB, doc).texts if term[0].startswith("A")}
    assert texts == {
        ("A.B.C", "x", 0),
        ("A.B.C", "y", 1),
        ("A.B.C", "x", 1 << 40),
        ("A.B.C", "z", (1 << 40) + (1 << 20)),
    }


@pytest.mark.parametrize("value", ["nan", "inf", "-Infinity", "1e999", "1_0", "", "\uff11", " 1"])
def test_odd_numbers_are_texts(value: str) -> None:
    terms = terms_of(TRAINING_JOB, {"TrainingJobName": "j", "HyperParameters": {"x": value}})
    assert ("HyperParameters.x", value, 0) in terms.texts
    assert not any(name == "HyperParameters.x" for name, _, _ in terms.numbers)
