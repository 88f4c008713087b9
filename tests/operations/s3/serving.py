"""S3's operations over a real store, without a gateway."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.databases import kept, opened

from clary.core.body import FileBody
from clary.core.clock import StoppedClock
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.principal import Principal
from clary.core.settings import Home, Settings
from clary.operations.dispatch import Dispatcher
from clary.operations.registry import Call
from clary.store.logs import Logs
from clary.store.metrics import Metrics
from clary.store.objects import Objects
from clary.store.records import Records

ACCOUNT = "000000000000"
BUCKET = "a-bucket"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
_DISPATCHER = Dispatcher()


class S3:
    """Calls operations as one account in one region."""

    def __init__(self, home: Path, account: str = ACCOUNT, region: str = "us-east-1") -> None:
        self.clock = StoppedClock(NOON)
        self.home, self.account, self.region = home, account, region
        database = opened(home / "clary.db")
        self.objects = kept(Objects(database, home / "objects", self.clock))
        self._records = Records(database, self.clock).scoped(account, region)
        self._logs = Logs(database, self.clock)
        self._metrics = Metrics(database, self.clock)
        if self.objects.find_bucket(BUCKET) is None:
            self.objects.create_bucket(BUCKET, ACCOUNT, "us-east-1")

    def __call__(self, operation: str, **request: object) -> Document:
        """Serve one operation; `Bucket` is the tests' own unless the request names one."""
        arn = f"arn:aws:iam::{self.account}:user/tester"
        call = Call(
            service="s3",
            operation=operation,
            request={"Bucket": BUCKET, **request},
            principal=Principal(account=self.account, arn=arn, user_id="AIDA", grants=arn, kind="user"),
            region=self.region,
            request_id="00000000-0000-0000-0000-000000000000",
            clock=self.clock,
            settings=Settings(home=Home(self.home), cache=self.home / "cache"),
            records=self._records,
            objects=self.objects,
            logs=self._logs,
            metrics=self._metrics,
        )
        return _DISPATCHER.dispatch(call)

    def refused(self, operation: str, **request: object) -> ApiError:
        """Serve an operation that must be refused, and return how."""
        with pytest.raises(ApiError) as caught:
            self(operation, **request)
        return caught.value


def body(answer: Document) -> bytes:
    """Return the bytes an answer's body stands for."""
    file = answer["Body"]
    assert isinstance(file, FileBody)
    return file.path.read_bytes()[file.offset : file.offset + file.length]
