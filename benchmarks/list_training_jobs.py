"""ListTrainingJobs among 100,000 jobs through boto3, beside a server that answers the same client nothing."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.harness import IMAGE, ROLE, Clary, Figure, command, connect, median, percentile
from sqlalchemy import insert

from clary.core import ids
from clary.core.document import Document
from clary.resources.training.training_job import TRAINING_JOB
from clary.store.database import Database
from clary.store.record import arn_tail, scope_of
from clary.store.tables import RECORDS
from clary.store.times import micros

JOBS = 100_000
ROUNDS = 40
TARGET = 20  # times the null call
ACCOUNT, REGION = "000000000000", "us-east-1"
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 5_000

NULL_SERVER = """
import asyncio, sys
ANSWER = b'{"TrainingJobSummaries":[]}'
HEAD = b"HTTP/1.1 200 OK\\r\\ncontent-type: application/x-amz-json-1.1\\r\\ncontent-length: %d\\r\\n\\r\\n"
class Null(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data): self.transport.write(HEAD % len(ANSWER) + ANSWER)
async def main():
    server = await asyncio.get_running_loop().create_server(Null, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def run() -> list[Figure]:
    """Measure each query and the null call in turn, round by round, after one round that does not count."""
    with tempfile.TemporaryDirectory(prefix="clary-bench-") as folder:
        home = Path(folder)
        command(home, "up", "--port", "0", "--detach")
        try:
            fill(home)
            return _measure(connect(home))
        finally:
            command(home, "down", "--yes", "--now")


def fill(home: Path) -> None:
    """Put the jobs straight into the table: creating them one by one is not what is measured."""
    dice = random.Random(1)  # noqa: S311 - the same jobs in every run
    database = Database(home / "clary.db")
    for first in range(0, JOBS, BATCH):
        rows = [_row(number, dice) for number in range(first, first + BATCH)]
        with database.write() as connection:
            connection.execute(insert(RECORDS), rows)
    database.close()


def _measure(clary: Clary) -> list[Figure]:
    sagemaker = clary.client("sagemaker")
    token = sagemaker.list_training_jobs(MaxResults=100)["NextToken"]
    for _ in range(50):
        token = sagemaker.list_training_jobs(MaxResults=100, NextToken=token)["NextToken"]
    queries = _queries(token)
    taken: dict[str, list[float]] = {name: [] for name in ("null call", *queries)}
    with subprocess.Popen([sys.executable, "-c", NULL_SERVER], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        null = replace(clary, port=int(process.stdout.readline())).client("sagemaker")
        for number in range(ROUNDS + 1):
            for name, request in queries.items():
                for label, call in (("null call", null), (name, sagemaker)):
                    seconds = _timed(call.list_training_jobs, request)
                    if number:
                        taken[label].append(seconds)
        process.terminate()
    return _figures(taken)


def _figures(taken: dict[str, list[float]]) -> list[Figure]:
    null = taken.pop("null call")
    floor = median(null) * 1000
    every = [seconds * 1000 for times in taken.values() for seconds in times]
    beside = f"null call p50: {floor:.2f} ms, p99: {percentile(null, 99) * 1000:.2f} ms"
    figures = [
        Figure(name="ListTrainingJobs, all queries, p50", value=median(every), unit="ms", floor=beside),
        Figure(
            name="ListTrainingJobs, all queries, p99",
            value=percentile(every, 99),
            unit="ms",
            target=TARGET * floor,
            floor=beside,
        ),
    ]
    for name, times in taken.items():
        value = percentile(times, 99) * 1000
        figures.append(
            Figure(name=f"  {name}, p99", value=value, unit="ms", floor=f"p50 {median(times) * 1000:.2f}")
        )
    return figures


def _queries(deep: str) -> dict[str, dict[str, Any]]:
    middle = BEGUN + timedelta(seconds=7 * JOBS // 2)
    orders = [
        (by, order) for by in ("CreationTime", "Name", "Status") for order in ("Ascending", "Descending")
    ]
    return {
        "no parameters": {},
        **{f"by {by}, {order}": {"SortBy": by, "SortOrder": order} for by, order in orders},
        "100 results, 5,000 in": {"MaxResults": 100, "NextToken": deep},
        "status": {"StatusEquals": "Failed"},
        "a common name, by name": {"NameContains": "xgboost", "SortBy": "Name"},
        "a rare name": {"NameContains": "-77777"},
        "a name that is not there": {"NameContains": "nowhere"},
        "created in one hour": {
            "CreationTimeAfter": middle,
            "CreationTimeBefore": middle + timedelta(hours=1),
        },
        "modified in one hour, by name": {
            "LastModifiedTimeAfter": middle,
            "LastModifiedTimeBefore": middle + timedelta(hours=1),
            "SortBy": "Name",
        },
    }


def _timed(call: Callable[..., Any], request: dict[str, Any]) -> float:
    begun = time.perf_counter()
    call(**request)
    return time.perf_counter() - begun


def _row(number: int, dice: random.Random) -> Document:
    created = BEGUN + timedelta(seconds=7 * number)
    modified = created + timedelta(seconds=dice.randrange(10_000))
    status = dice.choices(("Completed", "Failed", "Stopped"), (90, 9, 1))[0]
    place = {"service": "sagemaker", "kind": "TrainingJob", "account": ACCOUNT, "region": REGION}
    doc: Document = {
        "TrainingJobName": f"sagemaker-xgboost-{dice.randrange(1000):03}-{number}",
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": {f"parameter_{n}": str(dice.random()) for n in range(8)},
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/output"},
        "TrainingJobStatus": status,
        "SecondaryStatus": status,
        "CreationTime": created,
        "TrainingEndTime": modified,
        "LastModifiedTime": modified,
        "SecondaryStatusTransitions": [
            {"Status": phase, "StartTime": created, "EndTime": modified, "StatusMessage": "as it goes"}
            for phase in ("Starting", "Downloading", "Training", "Uploading")
        ],
    }
    doc["TrainingJobArn"] = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{arn_tail(TRAINING_JOB, doc)}"
    return {
        **place,
        "uid": ids.uid(),
        "scope": scope_of(**place),
        "key": doc["TrainingJobName"],
        "name": doc["TrainingJobName"],
        "arn": doc["TrainingJobArn"],
        "version": 1,
        "status": status,
        "status_since": micros(modified),
        "created": micros(created),
        "modified": micros(modified),
        "doc": doc,
    }
