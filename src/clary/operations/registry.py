"""Where operations are found: functions by service and name, and checks that run before them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import clary.operations
from clary.core.clock import Clock
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.principal import Principal
from clary.core.settings import Settings
from clary.resources.spec import Level

if TYPE_CHECKING:
    from clary.store.logs import Logs
    from clary.store.metrics import Metrics
    from clary.store.objects import Objects
    from clary.store.records import Records


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request on its way through an operation. `records` is scoped to the caller's account and region."""

    service: str
    operation: str
    request: Document
    principal: Principal
    region: str
    request_id: str
    clock: Clock
    settings: Settings
    records: Records
    objects: Objects
    logs: Logs
    metrics: Metrics
    headers: Document = field(default_factory=dict)
    refused: dict[int, ApiError] = field(default_factory=dict)
    """Items of the request's list, by their place, that the caller has no permission for."""

    @property
    def account(self) -> str:
        """The caller's account."""
        return self.principal.account


Operation = Callable[[Call], Document | None]
Check = Callable[[Call], None]
Completion = Callable[[Call], Document]

_OPERATIONS: dict[tuple[str, str], Operation] = {}
_CHECKS: dict[tuple[str, str], Check] = {}
_COMPLETIONS: dict[tuple[str, str], Completion] = {}
_LEVELS: dict[tuple[str, str], Level] = {}


def operation(service: str, name: str, *, level: Level = "behaves") -> Callable[[Operation], Operation]:
    """Declare the function that serves one operation; `conforms` asks for a test against AWS's behaviour."""

    def declare(function: Operation) -> Operation:
        _OPERATIONS[service, name] = function
        _LEVELS[service, name] = level
        return function

    return declare


def before(service: str, name: str) -> Callable[[Check], Check]:
    """Declare a check that runs before the generic Create, Update or Delete."""

    def declare(function: Check) -> Check:
        _CHECKS[service, name] = function
        return function

    return declare


def completes(service: str, name: str) -> Callable[[Completion], Completion]:
    """Declare what the server adds to a generic Create or Update: members laid over the request's."""

    def declare(function: Completion) -> Completion:
        _COMPLETIONS[service, name] = function
        return function

    return declare


def completion(service: str, name: str) -> Completion | None:
    """Return what the server adds to an operation."""
    return _COMPLETIONS.get((service, name))


def load() -> tuple[dict[tuple[str, str], Operation], dict[tuple[str, str], Check]]:
    """Import every operations module and return what they declared."""
    for module in pkgutil.walk_packages(clary.operations.__path__, "clary.operations."):
        importlib.import_module(module.name)
    return dict(_OPERATIONS), dict(_CHECKS)


def levels() -> dict[tuple[str, str], Level]:
    """Return the level of every operation that has a function of its own."""
    load()
    return dict(_LEVELS)
