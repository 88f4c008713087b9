"""Calls without a gateway: what the tests of operations stand on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from tests.databases import opened

from clary.core.clock import StoppedClock
from clary.core.document import Document
from clary.core.principal import Principal
from clary.core.settings import Home, Settings
from clary.operations import crud
from clary.operations.dispatch import Dispatcher
from clary.operations.registry import Call
from clary.store.logs import Logs
from clary.store.metrics import Metrics
from clary.store.objects import Objects
from clary.store.records import Records

ACCOUNT = "000000000000"
REGION = "us-east-1"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Caller:
    """Dispatches operations over a real database in a directory, at a time that only moves when told to."""

    def __init__(self, home: Path) -> None:
        self.clock = StoppedClock(NOON)
        self.settings = Settings(home=Home(home), cache=home / "cache")
        self.database = opened(self.settings.home.database)
        self.records = Records(self.database, self.clock).scoped(ACCOUNT, REGION)
        self.logs = Logs(self.database, self.clock)
        self.metrics = Metrics(self.database, self.clock)
        self.dispatcher = Dispatcher()

    def call(self, operation: str, request: Document | None = None, service: str = "sagemaker") -> Document:
        """Serve one operation."""
        return self.dispatcher.dispatch(self.as_call(operation, request, service))

    def generic(self, operation: str, request: Document | None = None) -> Document:
        """Serve one operation as crud does, past what the kind's own modules check first."""
        for kind in self.dispatcher.kinds("sagemaker"):
            if serve := crud.operations(kind).get(operation):
                return serve(self.as_call(operation, request)) or {}
        raise LookupError(operation)

    def as_call(self, operation: str, request: Document | None = None, service: str = "sagemaker") -> Call:
        """Return what the gateway would hand to the operation."""
        return Call(
            service=service,
            operation=operation,
            request=request or {},
            principal=Principal(
                account=ACCOUNT,
                arn=f"arn:aws:iam::{ACCOUNT}:user/tester",
                user_id="AIDATESTER",
                grants=f"arn:aws:iam::{ACCOUNT}:user/tester",
                kind="user",
            ),
            region=REGION,
            request_id="00000000-0000-0000-0000-000000000000",
            clock=self.clock,
            settings=self.settings,
            records=self.records,
            objects=cast(Objects, None),  # No operation tested through here stores an object.
            logs=self.logs,
            metrics=self.metrics,
        )
