"""All declared kinds. Declarations are constants; `load` imports every module that makes one."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import clary.resources
from clary.resources.spec import Resource

_KINDS: dict[tuple[str, str], Resource] = {}


def register(resource: Resource) -> Resource:
    """Add a declaration; two of the same service and kind are a mistake."""
    key = (resource.service, resource.kind)
    if _KINDS.setdefault(key, resource) != resource:
        raise ValueError(f"{resource.service} {resource.kind} is declared twice")
    return resource


def load() -> dict[tuple[str, str], Resource]:
    """Return every declared kind by (service, kind)."""
    _import()
    return dict(_KINDS)


def find(service: str, kind: str) -> Resource:
    """Return one declared kind."""
    return _KINDS.get((service, kind)) or load()[service, kind]


@cache
def _import() -> None:
    """Import every module there is, once: to look for them again takes longer than most calls."""
    for module in pkgutil.walk_packages(clary.resources.__path__, "clary.resources."):
        importlib.import_module(module.name)
