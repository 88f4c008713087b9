"""A decision with 50 attached statements, beside the least that any decision in Python must do."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.harness import Figure, median, percentile

from clary.core.clock import SystemClock
from clary.core.principal import Principal
from clary.core.settings import Home
from clary.operations.authorise import Authoriser
from clary.operations.iam.grants import INLINE
from clary.operations.permissions.context import of_caller
from clary.operations.permissions.need import Need
from clary.resources.iam.user import USER
from clary.store.changes import Changes
from clary.store.database import Database
from clary.store.records import Records

STATEMENTS = 50
TARGET = 50  # microseconds
ROUNDS, BATCH = 500, 5  # a batch stays well inside a slice of the processor's time
ACCOUNT = "000000000000"
BOB = f"arn:aws:iam::{ACCOUNT}:user/bob"
ACTION = "sagemaker:CreateTrainingJob"
OTHERS = ("s3:GetObject", "logs:PutLogEvents", "ecr:BatchGetImage", "iam:PassRole", "cloudwatch:Put*")
JOB = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:training-job/abc"
CONDITIONS: tuple[dict[str, Any], ...] = (
    {"StringEquals": {"aws:RequestedRegion": ["eu-west-1", "eu-west-2"]}},
    {"ForAllValues:StringLike": {"sagemaker:InstanceTypes": ["ml.m5.*", "ml.c5.*"]}},
    {"Bool": {"sagemaker:NetworkIsolation": "true"}},
    {"NumericLessThanEquals": {"sagemaker:MaxRuntimeInSeconds": "3600"}},
    {"StringEquals": {"aws:RequestTag/team": "${aws:PrincipalTag/team}"}},
    {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
    {"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}},
    {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/x"}},
)
CONTEXT = {
    "aws:requestedregion": ("us-east-1",),
    "sagemaker:instancetypes": ("ml.p3.2xlarge",),
    "sagemaker:networkisolation": ("false",),
    "sagemaker:maxruntimeinseconds": ("86400",),
    "aws:requesttag/team": ("red",),
    "aws:principaltag/team": ("blue",),
    "aws:sourceip": ("127.0.0.1",),
}


def run() -> list[Figure]:
    """Measure a decision among statements about many actions, and one where every statement must be tried."""
    return [
        *_measure("about six actions", (ACTION, *OTHERS)),
        *_measure("all about the action", (ACTION,)),
    ]


def _measure(name: str, actions: tuple[str, ...]) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="clary-bench-") as folder:
        authoriser, bob = caller(Home(Path(folder)), [statement(n, actions) for n in range(STATEMENTS)])
        common = {**of_caller(bob, SystemClock().now()), **CONTEXT}
        need = Need(ACTION, JOB, {})
        assert not authoriser.decide(bob, need, common).allowed  # all were tried, none has allowed
        floor, taken = timed(floor_of(STATEMENTS), lambda: authoriser.decide(bob, need, common))
    beside = f"{STATEMENTS} times a text compared and a key looked up: {median(floor):.1f} µs"
    label = f"{STATEMENTS} statements with conditions, {name}"
    return [
        Figure(name=f"{label}, p50", value=median(taken), unit="µs", target=TARGET, floor=beside),
        Figure(name="  p99", value=percentile(taken, 99), unit="µs", floor=beside),
        Figure(name="  times the floor", value=median(taken) / median(floor), unit="x", floor=beside),
    ]


def statement(number: int, actions: tuple[str, ...]) -> dict[str, Any]:
    """Return one of the statements; none of them allows the request."""
    resources = [f"arn:aws:sagemaker:*:*:training-job/team-{number}-*", f"arn:aws:sagemaker:*:{ACCOUNT}:*"]
    return {
        "Effect": "Allow" if number % 3 else "Deny",
        "Action": actions[number % len(actions)],
        "Resource": resources[: 1 + number % 2],
        "Condition": CONDITIONS[number % len(CONDITIONS)],
    }


def caller(home: Home, statements: list[dict[str, Any]]) -> tuple[Authoriser, Principal]:
    """Store a user with the statements in ten inline policies; return who decides, and the user."""
    database, clock = Database(home.database), SystemClock()
    records = Records(database, clock)
    texts = {
        f"p{first}": json.dumps({"Version": "2012-10-17", "Statement": statements[first : first + 5]})
        for first in range(0, len(statements), 5)
    }
    doc = {"UserName": "bob", "Path": "/", "UserId": "AIDABOB", INLINE: texts}
    records.scoped(ACCOUNT, "").create(USER, doc)
    bob = Principal(account=ACCOUNT, arn=BOB, user_id="AIDABOB", grants=BOB, kind="user")
    return Authoriser(records, Changes(database), clock), bob


def floor_of(calls: int) -> Callable[[], object]:
    """Return the least work: for each statement one text compared and one key looked up."""
    keys = [next(iter(next(iter(condition.values())))).lower() for condition in CONDITIONS]
    starts = [f"arn:aws:sagemaker:{number}" for number in range(calls)]

    def decide() -> list[bool]:
        return [JOB.startswith(start) and keys[n % 8] in CONTEXT for n, start in enumerate(starts)]

    return decide


def timed(*works: Callable[[], object]) -> list[list[float]]:
    """Return how many microseconds each work took, in turn, batch by batch after one that does not count."""
    taken: list[list[float]] = [[] for _ in works]
    for number in range(ROUNDS + 1):
        for work, times in zip(works, taken, strict=True):
            begun = time.perf_counter()
            for _ in range(BATCH):
                work()
            if number:
                times.append((time.perf_counter() - begun) / BATCH * 1e6)
    return taken
