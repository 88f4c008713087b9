"""Where operations are found: functions under their service and name, and checks that run before the generic ones."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import clary.operations
from clary.core.clock import Clock
from clary.core.document import Document
from clary.core.principal import Principal
from clary.core.settings import Settings

if TYPE_CHECKING:
    from clary.store.logs import Logs
    from clary.store.objects import Objects
    from clary.store.records import Records


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request on its way through an operation. `records` is already scoped to the caller's account and region."""

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
    headers: Document = field(default_factory=dict)

    @property
    def account(self) -> str:
        """The caller's account."""
        return self.principal.account


Operation = Callable[[Call], Document | None]
Check = Callable[[Call], None]

_OPERATIONS: dict[tuple[str, str], Operation] = {}
_CHECKS: dict[tuple[str, str], Check] = {}


def operation(service: str, name: str) -> Callable[[Operation], Operation]:
    """Declare the function that serves one operation."""

    def declare(function: Operation) -> Operation:
        _OPERATIONS[service, name] = function
        return function

    return declare


def before(service: str, name: str) -> Callable[[Check], Check]:
    """Declare a check that runs before the generic Create, Update or Delete."""

    def declare(function: Check) -> Check:
        _CHECKS[service, name] = function
        return function

    return declare


def load() -> tuple[dict[tuple[str, str], Operation], dict[tuple[str, str], Check]]:
    """Import every operations module and return what they declared."""
    for module in pkgutil.walk_packages(clary.operations.__path__, "clary.operations."):
        importlib.import_module(module.name)
    return dict(_OPERATIONS), dict(_CHECKS)
