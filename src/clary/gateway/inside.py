"""The door for controllers: their calls take a caller's name and the way a call takes behind authorisation.

What a controller asks was allowed when its own resource was created; it is validated, served and audited like
any call, and it alone may add members that only the server says, such as a training job's TuningJobArn.
"""

from __future__ import annotations

from clary.core import ids
from clary.core.clock import Clock
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.principal import Principal
from clary.core.settings import Settings
from clary.gateway.audit import Audit, Entry
from clary.operations.dispatch import Dispatcher
from clary.operations.registry import Call
from clary.store.logs import Logs
from clary.store.metrics import Metrics
from clary.store.objects import Objects
from clary.store.records import Records
from clary.wire import models
from clary.wire.validate import validate

SERVICE = "sagemaker"
SOURCE = "sagemaker.amazonaws.com"  # Where such a call comes from, as audit logs of AWS name it.


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
    ) -> None:
        self._settings, self._clock, self._audit = settings, clock, audit
        self._records, self._objects, self._logs, self._metrics = records, objects, logs, metrics
        self._dispatcher = Dispatcher()

    def call(
        self, caller: Principal, region: str, operation: str, request: Document, more: Document
    ) -> Document:
        """Serve one call, or raise the ApiError that its caller would get.

        An operation of another service than SageMaker is named as policies name it: `sns:Publish`.
        """
        service, operation = operation.split(":") if ":" in operation else (SERVICE, operation)
        shape = models.service(service).operation_model(operation).input_shape
        call = Call(
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
        try:
            validate(shape, request, models.service(service))
            answer = self._dispatcher.dispatch(call)
        except ApiError as error:
            self._note(call, error.status, error.code)
            raise
        self._note(call, 200, "")
        return answer

    def _note(self, call: Call, status: int, error: str) -> None:
        self._audit.add(
            Entry(
                time=self._clock.now(),
                request_id=call.request_id,
                account=call.account,
                principal=call.principal.arn,
                source_ip=SOURCE,
                service=call.service,
                operation=call.operation,
                resource=self._dispatcher.target(call) or "",
                status=status,
                error=error,
            )
        )
