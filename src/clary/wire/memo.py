"""Plans made from shapes, kept so that each shape is compiled once per service and protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from botocore.model import ServiceModel, Shape

Plan = TypeVar("Plan")
Codec = TypeVar("Codec")


class Memo(Generic[Plan]):
    """Builds a plan for a shape on first sight.

    botocore makes a new Shape for every reference, so identity will not do: two references to one shape
    share a plan when their traits agree. A builder must not ask for the members of a structure before the
    first use of its plan, or recursive shapes would never end.
    """

    def __init__(self, build: Callable[[Shape], Plan]) -> None:
        self._build = build
        self._plans: dict[str, Plan] = {}

    def __call__(self, shape: Shape) -> Plan:
        key = f"{shape.name}{shape.serialization}{shape.metadata}"
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans.setdefault(key, self._build(shape))
        return plan


class PerService(Generic[Codec]):
    """One codec for each service model, made on first use and dropped with the model."""

    def __init__(self, make: Callable[[ServiceModel], Codec]) -> None:
        self._make = make
        self._codecs: WeakKeyDictionary[ServiceModel, Codec] = WeakKeyDictionary()

    def __call__(self, service: ServiceModel) -> Codec:
        codec = self._codecs.get(service)
        if codec is None:
            codec = self._codecs.setdefault(service, self._make(service))
        return codec
