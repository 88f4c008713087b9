"""Homes full of records, put straight into the tables: creating them one by one is not what is measured."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.harness import IMAGE, ROLE
from sqlalchemy import insert, text

from clary.core import ids
from clary.core.document import Document
from clary.resources.inference.model import MODEL
from clary.resources.spec import Resource
from clary.resources.training.training_job import TRAINING_JOB
from clary.store import search_index
from clary.store.database import Database
from clary.store.record import arn_tail, scope_of
from clary.store.tables import RECORDS
from clary.store.times import micros

ACCOUNT, REGION = "000000000000", "us-east-1"
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)

_BATCH = 5_000
_NOTE = text(
    "INSERT INTO search_pending (scope, record, service, kind) "
    "SELECT scope, id, service, kind FROM records WHERE scope = :scope"
)


def fill(home: Path, count: int, *, indexed: bool) -> None:
    """Put training jobs into a home's database; unless they are `indexed`, the first search will do so."""
    dice = random.Random(1)  # noqa: S311 - the same jobs in every run
    database = Database(home / "clary.db")
    place = scope_of("sagemaker", TRAINING_JOB.kind, ACCOUNT, REGION)
    for rows in _batches(count, dice):
        with database.write() as connection:
            connection.execute(insert(RECORDS), rows)
    note(database, TRAINING_JOB)
    if indexed:
        search_index.follow(database, place)
    database.close()


def note(database: Database, resource: Resource) -> None:
    """Have the search index follow all records of a kind."""
    place = scope_of("sagemaker", resource.kind, ACCOUNT, REGION)
    with database.write() as connection:
        connection.execute(_NOTE, {"scope": place})


def fill_models(home: Path, count: int) -> None:
    """Put models into a home's database: what stopping a server does not ask for, however many there are."""
    database = Database(home / "clary.db")
    for first in range(0, count, _BATCH):
        numbers = range(first, min(first + _BATCH, count))
        with database.write() as connection:
            connection.execute(insert(RECORDS), [row(MODEL, _model(number)) for number in numbers])
    database.close()


def row(resource: Resource, doc: Document) -> Document:
    """Return the row of a record that was created and written when its document says."""
    place = {"service": resource.service, "kind": resource.kind, "account": ACCOUNT, "region": REGION}
    name = str(doc[resource.key()[-1]])
    doc = {
        **doc,
        resource.arn_in(): f"arn:aws:{resource.service}:{REGION}:{ACCOUNT}:{arn_tail(resource, doc)}",
    }
    return {
        **place,
        "uid": ids.uid(),
        "scope": scope_of(**place),
        "key": name,
        "name": name,
        "arn": doc[resource.arn_in()],
        "version": 1,
        "status": doc.get(resource.status or "", ""),
        "status_since": micros(doc["LastModifiedTime"]),
        "created": micros(doc["CreationTime"]),
        "modified": micros(doc["LastModifiedTime"]),
        "doc": doc,
    }


def _batches(count: int, dice: random.Random) -> Iterator[list[Document]]:
    for first in range(0, count, _BATCH):
        numbers = range(first, min(first + _BATCH, count))
        yield [row(TRAINING_JOB, _job(number, dice)) for number in numbers]


def _model(number: int) -> Document:
    made = BEGUN + timedelta(seconds=number)
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://bucket/models/{number}/model.tar.gz"}
    return {
        "ModelName": f"model-{number:07}",
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": container,
        "CreationTime": made,
        "LastModifiedTime": made,
    }


def _job(number: int, dice: random.Random) -> Document:
    created = BEGUN + timedelta(seconds=7 * number)
    ended = created + timedelta(seconds=dice.randrange(10_000))
    status = dice.choices(("Completed", "Failed", "Stopped"), (90, 9, 1))[0]
    channels = [
        {
            "ChannelName": name,
            "DataSource": {
                "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://bucket/{name}/{number % 50}"}
            },
        }
        for name in ("train", "validation")
    ]
    return {
        "TrainingJobName": f"sagemaker-xgboost-{dice.randrange(1000):03}-{number}",
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": {f"parameter_{n}": str(dice.random()) for n in range(8)},
        "InputDataConfig": channels,
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/output"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "Tags": [{"Key": "team", "Value": f"team-{number % 20}"}, {"Key": "half", "Value": "ab"[number % 2]}],
        "FinalMetricDataList": [
            {"MetricName": name, "Value": dice.random(), "Timestamp": ended} for name in ("accuracy", "loss")
        ],
        "TrainingJobStatus": status,
        "SecondaryStatus": status,
        "CreationTime": created,
        "TrainingEndTime": ended,
        "LastModifiedTime": ended,
        "SecondaryStatusTransitions": [
            {"Status": phase, "StartTime": created, "EndTime": ended, "StatusMessage": "as it goes"}
            for phase in ("Starting", "Downloading", "Training", "Uploading")
        ],
    }
