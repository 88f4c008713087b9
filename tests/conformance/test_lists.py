"""Every List of every kind, a small page at a time while records are inserted: each once, in order."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.store.opened import records as opened

from clary.core.clock import StoppedClock
from clary.operations.dispatch import Dispatcher
from clary.operations.kinds import Kind, members
from clary.resources.training.training_job import TRAINING_JOB
from clary.store.pages import Filter
from clary.store.records import Record, Records

if TYPE_CHECKING:
    from tests.conftest import Server

KINDS = [kind for kind in Dispatcher().kinds("sagemaker") if "List" in kind.operations]
SOME, MANY, PAGE = 80, 1000, 7
BEGUN = datetime(2026, 5, 1, tzinfo=UTC)
REGION = "eu-south-1"  # of these tests alone
LATER = "zz-later"

Key = tuple[bool, Any]
TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda stored, value: bool(stored == value),
    "ne": lambda stored, value: bool(stored != value),
    "contains": lambda stored, value: value.lower() in str(stored).lower(),
    "ge": lambda stored, value: bool(stored >= value),
    "le": lambda stored, value: bool(stored <= value),
    "gt": lambda stored, value: bool(stored > value),
    "lt": lambda stored, value: bool(stored < value),
}


def orders(kind: Kind) -> list[str]:
    """Return the paths that SortBy may stand for."""
    by = members(kind.operations["List"].input_shape).get("SortBy")
    return [kind.resource.order(value) for value in (by.metadata["enum"] if by else ("CreationTime",))]


def filters(kind: Kind) -> Iterator[tuple[str, str, str]]:
    """Yield path, test and type of what the List's members select by."""
    asked = members(kind.operations["List"].input_shape)
    for member in kind.filters:
        bound = kind.resource.bind(member, kind.stored)
        if bound is not None and member not in kind.resource.ignored and bound[1] in TESTS:
            yield bound[0], bound[1], asked[member].type_name


def column(kind: Kind, path: str) -> str:
    """Return the member behind a path that every kind has."""
    if path == "Name" and "Name" not in kind.stored:
        return kind.resource.key()[-1]
    return kind.resource.status or path if path == "Status" and "Status" not in kind.stored else path


def value(path: str, sort: str, dice: random.Random) -> object:
    """Return one of a few values, so that many records share each."""
    if sort == "timestamp" or path.endswith(("Time", "Heartbeat", "Date")):
        return BEGUN + timedelta(seconds=dice.randrange(5))
    if sort in ("integer", "long"):
        return dice.randrange(1, 20)
    if sort == "boolean":
        return dice.random() < 0.5
    return dice.choice(("Alpha", "alpha", "beta-2", "beta-10", "Ω_%"))


def document(kind: Kind, number: int, name: str, dice: random.Random) -> dict[str, Any]:
    """Return a document in which what Lists ask for is there, now and then not."""
    doc: dict[str, Any] = {}
    wanted = {path: sort for path, _, sort in filters(kind)} | dict.fromkeys(orders(kind), "string")
    for path, sort in wanted.items():
        if dice.random() < 0.8:
            place(doc, column(kind, path), value(path, sort, dice))
    if kind.resource.status:
        doc[kind.resource.status] = dice.choice(("Completed", "Failed", "InProgress"))
    named = [field for _, field, _, _ in string.Formatter().parse(kind.resource.arn) if field]
    for member in {*named, *kind.resource.key()}:
        doc[member] = f"{name}-{number:04}"
    times = {"CreationTime": dice.randrange(9), "LastModifiedTime": dice.randrange(9)}
    return doc | {member: BEGUN + timedelta(seconds=seconds) for member, seconds in times.items()}


def place(doc: dict[str, Any], path: str, put: object) -> None:
    """Put a value at a dotted path."""
    head, _, rest = path.partition(".")
    if rest:
        place(doc.setdefault(head, {}), rest, put)
    else:
        doc[head] = put


def at(doc: dict[str, Any], path: str) -> Any:
    """Return what stands at a dotted path."""
    found: Any = doc
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def in_order(kind: Kind, made: list[Record], path: str, *, descending: bool) -> list[str]:
    """Return names as they should come: what has nothing there counts as least, of equals the older."""

    def key(record: Record) -> tuple[Key, ...]:
        stored = at(record.doc, column(kind, path))
        by_status = column(kind, path) == kind.resource.status
        first: Key = (stored is not None, stored if stored is not None else 0)
        return (first, (True, record.created)) if by_status else (first,)

    older_first = list(reversed(made)) if descending else made
    return [record.name for record in sorted(older_first, key=key, reverse=descending)]


def walk(store: Records, kind: Kind, later: Iterator[int], **query: Any) -> list[str]:
    """Return names page by page, inserting a record after each."""
    found: list[str] = []
    token: str | None = None
    dice = random.Random(1)  # noqa: S311 - the same records in every run
    while True:
        page = store.page(kind.resource, limit=PAGE, token=token, **query)
        found += [record.name for record in page.records]
        if (token := page.next_token) is None:
            return [name for name in found if not name.startswith(LATER)]
        store.create(kind.resource, document(kind, next(later), LATER, dice))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    made = opened(Path(tmp_path_factory.mktemp("lists")), StoppedClock(BEGUN))
    with made.database.write() as connection:  # nothing here is to outlive the test
        connection.connection.commit()
        connection.exec_driver_sql("PRAGMA synchronous=OFF")
    yield made
    made.database.close()


@pytest.mark.parametrize("count", [SOME, pytest.param(MANY, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", KINDS, ids=[kind.resource.kind for kind in KINDS])
def test_every_record_comes_once_and_in_order(store: Records, kind: Kind, count: int) -> None:
    store = store.scoped(store.account, f"with-{count}")
    dice = random.Random(kind.resource.kind)  # noqa: S311 - the same records in every run
    with store.database.write():
        made = [store.create(kind.resource, document(kind, number, "first", dice)) for number in range(count)]
    later = iter(range(10_000))
    for path in dict.fromkeys(orders(kind)):
        for descending in (False, True):
            names = walk(store, kind, later, sort=path, descending=descending)
            assert names == in_order(kind, made, path, descending=descending), path
    for path, test, sort in filters(kind):
        asked = value(path, sort, dice)
        expected = [
            record
            for record in made
            if (stored := at(record.doc, column(kind, path))) is not None and TESTS[test](stored, asked)
        ]
        condition: Any = Filter(path, test, asked)  # type: ignore[arg-type]
        names = walk(store, kind, later, where=[condition], sort="CreationTime", descending=True)
        assert names == in_order(kind, expected, "CreationTime", descending=True), (path, test)


@pytest.fixture(scope="module")
def jobs(server: Server) -> list[Record]:
    store = Records(server.stores.database, StoppedClock(BEGUN), "000000000000", REGION)
    dice = random.Random(5)  # noqa: S311 - the same records in every run
    [kind] = [kind for kind in KINDS if kind.resource is TRAINING_JOB]
    with store.database.write():
        return [store.create(TRAINING_JOB, document(kind, n, "first", dice)) for n in range(MANY)]


@pytest.mark.parametrize("order", ["Ascending", "Descending"])
@pytest.mark.parametrize(
    "request_",
    [
        {"SortBy": "Name"},
        {"SortBy": "Status"},
        {"SortBy": "CreationTime"},
        {"SortBy": "Name", "NameContains": "3"},
        {"SortBy": "CreationTime", "LastModifiedTimeAfter": BEGUN + timedelta(seconds=4)},
    ],
    ids=str,
)
def test_a_thousand_jobs_by_seven_through_boto3(
    server: Server, jobs: list[Record], request_: dict[str, Any], order: str
) -> None:
    sagemaker = server.client("sagemaker", region_name=REGION)
    store = Records(server.stores.database, StoppedClock(BEGUN), "000000000000", REGION)
    [kind] = [kind for kind in KINDS if kind.resource is TRAINING_JOB]
    found: list[str] = []
    pages = sagemaker.get_paginator("list_training_jobs").paginate(
        **request_, SortOrder=order, PaginationConfig={"PageSize": PAGE}
    )
    dice = random.Random(9)  # noqa: S311 - the same records in every run
    for number, page in enumerate(pages):
        found += [job["TrainingJobName"] for job in page["TrainingJobSummaries"]]
        if number % 10 == 0:
            doc = document(kind, number, f"{LATER}-{len(str(request_))}-{request_['SortBy']}-{order}", dice)
            store.create(TRAINING_JOB, doc)
    after = request_.get("LastModifiedTimeAfter", BEGUN)
    part = request_.get("NameContains", "")
    expected = [job for job in jobs if part in job.name and job.modified >= after]
    names = [name for name in found if not name.startswith(LATER)]
    assert names == in_order(kind, expected, request_["SortBy"], descending=order == "Descending")


def test_tokens_of_others_are_refused(server: Server, jobs: list[Record]) -> None:
    sagemaker = server.client("sagemaker", region_name=REGION)
    token = sagemaker.list_training_jobs(MaxResults=1)["NextToken"]
    elsewhere = server.client("sagemaker", region_name="eu-south-2")
    calls: list[Callable[[], Any]] = [
        lambda: sagemaker.list_models(NextToken=token),
        lambda: elsewhere.list_training_jobs(NextToken=token),
        lambda: sagemaker.list_training_jobs(NextToken=token, SortBy="Name"),
        lambda: sagemaker.list_training_jobs(NextToken=token.swapcase()),
        lambda: sagemaker.list_training_jobs(NextToken="é" * 8000),
    ]
    for call in calls:
        with pytest.raises(ClientError, match="NextToken") as refused:
            call()
        assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_a_token_is_good_for_a_day(tmp_path: Path) -> None:
    clock = StoppedClock(BEGUN)
    store = opened(tmp_path, clock)
    [kind] = [kind for kind in KINDS if kind.resource is TRAINING_JOB]
    for number in range(3):
        store.create(TRAINING_JOB, document(kind, number, "first", random.Random(number)))  # noqa: S311
    token = store.page(TRAINING_JOB, limit=1).next_token
    clock.at = BEGUN + timedelta(hours=23)
    assert store.page(TRAINING_JOB, limit=1, token=token).records
    clock.at = BEGUN + timedelta(hours=25)
    with pytest.raises(Exception, match="a day old"):
        store.page(TRAINING_JOB, limit=1, token=token)
    store.database.close()
