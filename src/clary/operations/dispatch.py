"""From a call to the function that serves it: its own operation, its kind's generic one, or an honest no."""

from __future__ import annotations

import functools

from clary.core.document import Document
from clary.core.errors import ApiError, NotBuilt
from clary.operations import crud, kinds, strict
from clary.operations import registry as operation_registry
from clary.operations.kinds import Kind
from clary.operations.modelled import modelled
from clary.operations.registry import Call, Check, Operation
from clary.resources import registry as resource_registry
from clary.resources.spec import Resource


class Dispatcher:
    """Knows every operation there is. One serves all calls and threads and keeps nothing of them."""

    def __init__(self) -> None:
        self._own: dict[tuple[str, str], Operation]
        self._checks: dict[tuple[str, str], Check]
        self._own, self._checks = operation_registry.load()
        self._resources = resource_registry.load()
        self._kinds = functools.cache(self._read_kinds)
        self._generic = functools.cache(self._read_generic)

    def dispatch(self, call: Call) -> Document:
        """Serve one call. The caller's mistake is raised as an ApiError, an absent operation as NotBuilt."""
        serve = self.find(call.service, call.operation)
        if serve is None:
            raise NotBuilt(call.operation, s3=call.service == "s3")
        try:
            if check := self._checks.get((call.service, call.operation)):
                check(call)
            if strict.bound(call):
                with call.records.database.write():  # so that no two calls take the last of a quota
                    strict.check(call)
                    return serve(call) or {}
            return serve(call) or {}
        except ApiError as error:
            told = modelled(call.service, call.operation, error)
            if told is error:
                raise
            raise told from error

    def find(self, service: str, operation: str) -> Operation | None:
        """Return the function that serves an operation, None for an absent one."""
        return self._own.get((service, operation)) or self._generic(service).get(operation)

    def kinds(self, service: str) -> tuple[Kind, ...]:
        """Return a service's declared kinds that the generic operations serve."""
        return self._kinds(service)

    def target(self, call: Call) -> str | None:
        """Return the ARN of the one resource of a declared kind that a call names, for the policy check."""
        resource = self._named(call.service, call.operation)
        if resource is None or not all(member in call.request for member in resource.key()):
            return None
        return call.records.arn(resource, call.request)

    def passing(self, call: Call, result: Document) -> bool:
        """Tell whether `result` describes a resource in a state that ends by itself."""
        resource = (
            self._named(call.service, call.operation) if call.operation.startswith("Describe") else None
        )
        return resource is not None and result.get(resource.status or "") in resource.passing

    def _named(self, service: str, operation: str) -> Resource | None:
        for kind in self._kinds(service):
            if operation in {m.name for verb, m in kind.operations.items() if verb != "List"}:
                return kind.resource
        return None

    def _read_generic(self, service: str) -> dict[str, Operation]:
        return {name: serve for kind in self._kinds(service) for name, serve in crud.operations(kind).items()}

    def _read_kinds(self, service: str) -> tuple[Kind, ...]:
        declared = [r for (of, _), r in self._resources.items() if of == service]
        return tuple(kind for kind in map(kinds.of, declared) if "Describe" in kind.operations)
