"""Pages: complete, in order, and undisturbed by what happens between them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from tests.store.opened import NOON, job, records

from clary.core.clock import StoppedClock
from clary.core.errors import ValidationError
from clary.resources.training.training_job import TRAINING_JOB
from clary.store.name_search import FEW
from clary.store.pages import Filter
from clary.store.records import Record, Records
from clary.store.straight import statement_of

STATUSES = ["Completed", "Failed", "InProgress"]


@pytest.fixture
def store(tmp_path: Path) -> Records:
    return records(tmp_path)


def walk(store: Records, limit: int, **query: object) -> list[Record]:
    found: list[Record] = []
    token: str | None = None
    while True:
        page = store.page(TRAINING_JOB, limit=limit, token=token, **query)  # type: ignore[arg-type]
        assert len(page.records) <= limit
        found += page.records
        token = page.next_token
        if token is None:
            return found


jobs = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(STATUSES), st.sampled_from("aAbB_")), min_size=0, max_size=25
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    jobs=jobs,
    limit=st.integers(1, 7),
    sort=st.sampled_from(["CreationTime", "Name", "Status", "LastModifiedTime", "SecondaryStatus"]),
    descending=st.booleans(),
    status=st.sampled_from([None, *STATUSES]),
    part=st.sampled_from([None, "a", "B", "_", "%"]),
)
def test_pages_put_together_are_the_sorted_selection(
    tmp_path_factory: pytest.TempPathFactory,
    jobs: list[tuple[int, str, str]],
    limit: int,
    sort: str,
    descending: bool,
    status: str | None,
    part: str | None,
) -> None:
    clock = StoppedClock(NOON)
    store = records(tmp_path_factory.mktemp("pages"), clock)
    made = []
    for number, (second, state, letter) in enumerate(jobs):
        clock.at = NOON + timedelta(seconds=second)
        made.append(
            job(store, f"{letter}{number % 3}-{number}", TrainingJobStatus=state, SecondaryStatus=state)
        )
    where = [Filter("TrainingJobStatus", "eq", status)] if status else []
    where += [Filter("TrainingJobName", "contains", part)] if part else []
    keys: dict[str, Callable[[Record], tuple[object, ...]]] = {
        "CreationTime": lambda r: (r.created,),
        "LastModifiedTime": lambda r: (r.modified,),
        "Name": lambda r: (r.name,),
        "Status": lambda r: (r.status, r.created),
        "SecondaryStatus": lambda r: (r.doc["SecondaryStatus"],),
    }
    expected = [
        r for r in made if (not status or r.status == status) and (not part or part.lower() in r.name.lower())
    ]
    # Of equals the newest comes first when descending; `reverse` alone would keep them oldest first.
    in_order = list(reversed(expected)) if descending else expected
    expected = sorted(in_order, key=keys[sort], reverse=descending)
    found = walk(store, limit, sort=sort, descending=descending, where=where)
    store.database.close()
    assert [r.name for r in found] == [r.name for r in expected]


def test_a_search_for_few_names_looks_up_those(store: Records) -> None:
    plans: list[str] = []

    def note(
        conn: object, cursor: object, statement: str, parameters: object, context: object, many: bool
    ) -> None:
        if "LIKE" in statement and not statement.startswith("EXPLAIN"):
            with store.database.engine.connect() as other:
                plan = other.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()  # type: ignore[arg-type]
            plans.append(str(plan[0][3]))

    for number in range(3):
        job(store, f"job-{number}")
    event.listen(store.database.engine, "before_cursor_execute", note)
    for part in ("job-2", "absent"):
        store.page(TRAINING_JOB, where=[Filter("TrainingJobName", "contains", part)])
    # For the second no row is asked for at all.
    assert plans == ["SEARCH records USING INTEGER PRIMARY KEY (rowid=?)"]


def test_what_is_inserted_between_pages_neither_repeats_nor_skips_anything(store: Records) -> None:
    for number in range(20):
        job(store, f"job-{number:02}")
    page = store.page(TRAINING_JOB, sort="Name", descending=False, limit=7)
    seen = [r.name for r in page.records]
    for number in range(20):
        job(store, f"job-{number:02}-later")
    store.delete(page.records[-1])
    while page.next_token is not None:
        page = store.page(TRAINING_JOB, sort="Name", descending=False, limit=7, token=page.next_token)
        seen += [r.name for r in page.records]
    assert len(set(seen)) == len(seen)
    assert {f"job-{number:02}" for number in range(20)} <= set(seen)


def test_a_token_is_refused_with_another_query(store: Records) -> None:
    for number in range(3):
        job(store, f"job-{number}")
    token = store.page(TRAINING_JOB, limit=1).next_token
    with pytest.raises(ValidationError, match="another request"):
        store.page(TRAINING_JOB, limit=1, sort="Name", token=token)
    with pytest.raises(ValidationError, match="another request"):
        store.scoped("111111111111", "us-east-1").page(TRAINING_JOB, limit=1, token=token)


def test_every_tampered_token_is_refused(store: Records) -> None:
    for number in range(3):
        job(store, f"job-{number}")
    token = store.page(TRAINING_JOB, limit=1).next_token
    assert token is not None
    for at in range(len(token) - 1):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with pytest.raises(ValidationError):
            store.page(TRAINING_JOB, limit=1, token=changed)
    for foreign in ("", "x", "é", "=" * 40, token + "AAAA"):
        with pytest.raises(ValidationError):
            store.page(TRAINING_JOB, limit=1, token=foreign)


def test_a_token_of_one_process_holds_in_another(store: Records, tmp_path: Path) -> None:
    for number in range(3):
        job(store, f"job-{number}")
    token = store.page(TRAINING_JOB, limit=2).next_token
    assert [r.name for r in records(tmp_path).page(TRAINING_JOB, limit=2, token=token).records] == ["job-0"]


def test_names_that_come_and_go_between_searches_are_found_and_not_found(store: Records) -> None:
    def found(part: str) -> list[str]:
        query = [Filter("TrainingJobName", "contains", part)]
        return [
            r.name
            for r in store.page(TRAINING_JOB, where=query, sort="Name", descending=False, limit=99).records
        ]

    job(store, "alpha-1")
    assert found("PHA") == ["alpha-1"] and found("beta") == []
    beta = job(store, "beta-1")
    job(store.scoped("111111111111", "us-east-1"), "beta-elsewhere")
    assert found("beta") == ["beta-1"]
    store.delete(beta)
    job(store, "gamma-1")
    assert found("beta") == [] and found("a-1") == ["alpha-1", "gamma-1"]
    with pytest.raises(RuntimeError), store.database.write():
        job(store, "delta-1")
        assert found("delta") == ["delta-1"]
        raise RuntimeError("undone")
    job(store, "delta-2")
    assert found("delta") == ["delta-2"] and found("\n") == found("1\nb") == []
    for number in range(FEW + 10):
        job(store, f"many-{number}-")
        assert found(f"y-{number}-") == [f"many-{number}-"]
    assert len(found("many")) == 99 and found("alpha") == ["alpha-1"]


def test_a_filter_after_paging_thins_the_page_but_not_the_walk(store: Records) -> None:
    for number in range(6):
        job(store, f"job-{number}", TrainingJobStatus="Failed" if number == 0 else "Completed")
    then = [Filter("TrainingJobStatus", "eq", "Failed")]
    first = store.page(TRAINING_JOB, then=then, limit=4)
    assert first.records == () and first.next_token is not None
    second = store.page(TRAINING_JOB, then=then, limit=4, token=first.next_token)
    assert [r.name for r in second.records] == ["job-0"] and second.next_token is None


def test_filters_reach_into_structures(store: Records) -> None:
    job(store, "a", WarmPoolStatus={"Status": "Available", "ResourceRetainedBillableTimeInSeconds": 3})
    job(store, "b", WarmPoolStatus={"Status": "Reused"}, TrainingEndTime=NOON)
    job(store, "c")
    pool = Filter("WarmPoolStatus.Status", "eq", "Available")
    assert [r.name for r in store.page(TRAINING_JOB, where=[pool]).records] == ["a"]
    ended = Filter("TrainingEndTime", "ge", NOON - timedelta(seconds=1))
    assert [r.name for r in store.page(TRAINING_JOB, where=[ended]).records] == ["b"]
    billed = Filter("WarmPoolStatus.ResourceRetainedBillableTimeInSeconds", "eq", 3)
    assert [r.name for r in store.page(TRAINING_JOB, where=[billed]).records] == ["a"]


@pytest.mark.parametrize(
    ("sort", "index"),
    [
        ("CreationTime", "records_created"),
        ("Name", "records_name"),
        ("LastModifiedTime", "records_modified"),
        ("Status", "records_status"),
    ],
)
def test_every_order_is_read_off_an_index(store: Records, sort: str, index: str) -> None:
    column = {"CreationTime": "created", "LastModifiedTime": "modified"}.get(sort, sort.lower())
    names = (column, "created", "id") if sort == "Status" else (column, "id")
    for resumed in (False, True):
        for descending in (False, True):
            statement = statement_of(names, descending=descending, resumed=resumed)
            text, binds = statement.prepare(store.database.engine.dialect)
            with store.database.engine.connect() as connection:
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", (0,) * len(binds)).all()
            steps = " ".join(str(row[3]) for row in plan)
            assert index in steps and "TEMP B-TREE" not in steps, steps
