"""The doors for controllers: their calls take a caller's name and the way a call takes behind authentication.

What a controller asks by `call` was allowed when its own resource was created; what it does for a role,
`call_as` holds against that role's policies first. Both are validated, served and audited like any call, and
a controller alone may add members that only the server says, such as a training job's TuningJobArn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from clary.core import ids
from clary.core.clock import Clock
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.principal import Principal
from clary.core.settings import Settings
from clary.gateway.audit import Audit, Entry
from clary.operations.authorise import Authoriser, needs
from clary.operations.dispatch import Dispatcher
from clary.operations.registry import Call
from clary.operations.role_access import SESSION_NAME
from clary.store.credentials import Credentials
from clary.store.logs import Logs
from clary.store.metrics import Metrics
from clary.store.objects import Objects
from clary.store.records import Records
from clary.wire import models
from clary.wire.typed import read
from clary.wire.validate import validate

SERVICE = "sagemaker"
SOURCE = "sagemaker.amazonaws.com"  # Where such a call comes from, as audit logs of AWS name it.
_CONTEXT = {"aws:securetransport": ("true",)}  # It never leaves the server.


class Inside:
    """Serves the calls of this process's controllers."""

    def __init__(
        self,
        *,
        settings: Settings,
        clock: Clock,
        records: Records,
        objects: Objects,
        logs: Logs,
        metrics: Metrics,
        audit: Audit,
        credentials: Credentials,
        authoriser: Authoriser,
    ) -> None:
        self._settings, self._clock, self._audit = settings, clock, audit
        self._credentials, self._authoriser = credentials, authoriser
        self._records, self._objects, self._logs, self._metrics = records, objects, logs, metrics
        self._dispatcher = Dispatcher()

    def call(
        self, caller: Principal, region: str, operation: str, request: Document, more: Document
    ) -> Document:
        """Serve one call, or raise the ApiError that its caller would get.

        An operation of another service than SageMaker is named as policies name it: `sns:Publish`.
        """
        call = self._call(caller, region, operation, request, more)
        with self._noted(call):
            return self._served(call, request)

    def call_as(self, role: str, region: str, operation: str, request: Document, more: Document) -> Document:
        """Serve one call that a role makes, if its policies allow it; an absent role raises NoSuchEntity."""
        caller = self._credentials.role_principal(role, SESSION_NAME)
        call = self._call(caller, region, operation, request, more)
        with self._noted(call):
            typed = read(call.service, call.operation, request)
            self._authoriser.check(replace(call, request=typed), _CONTEXT)
            return self._served(replace(call, request={**typed, **more}), typed)

    def _call(
        self, caller: Principal, region: str, operation: str, request: Document, more: Document
    ) -> Call:
        service, operation = operation.split(":") if ":" in operation else (SERVICE, operation)
        return Call(
            service=service,
            operation=operation,
            request={**request, **more},
            principal=caller,
            region=region,
            request_id=ids.request_id(),
            clock=self._clock,
            settings=self._settings,
            records=self._records.scoped(caller.account, region),
            objects=self._objects,
            logs=self._logs,
            metrics=self._metrics,
        )

    def _served(self, call: Call, request: Document) -> Document:
        service = models.service(call.service)
        validate(service.operation_model(call.operation).input_shape, request, service)
        return self._dispatcher.dispatch(call)

    @contextmanager
    def _noted(self, call: Call) -> Iterator[None]:
        """Write a call down with how it ended."""
        try:
            yield
        except ApiError as error:
            self._note(call, error.status, error.code)
            raise
        self._note(call, 200, "")

    def _note(self, call: Call, status: int, error: str) -> None:
        about = self._dispatcher.target(call) or next((need.resource for need in needs(call)), "")
        self._audit.add(
            Entry(
                time=self._clock.now(),
                request_id=call.request_id,
                account=call.account,
                principal=call.principal.arn,
                source_ip=SOURCE,
                service=call.service,
                operation=call.operation,
                resource=about,
                status=status,
                error=error,
            )
        )
