"""From a record to what the search index holds of it: every scalar by its dotted name.

Texts and numbers are kept apart, times are microseconds, truth values 0 and 1. Some members go by another
name than where they stand: a tag by its key, a metric and a trial's parameter by their own names.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from clary.core.decimals import decimal
from clary.core.document import Document, filled
from clary.resources.searchable import KINDS
from clary.resources.spec import Resource
from clary.store.times import micros

SERVICE = "sagemaker"  # The one service whose records are indexed.
METRIC_STATISTICS = ("Avg", "Count", "Last", "Max", "Min", "StdDev")

_DIGITS = 20  # Bits of an item's number that one list takes.
_DEEPEST = 3  # Lists within lists that are told apart.
_CHOICES = ({"NumberValue"}, {"StringValue"})


@dataclass
class Terms:
    """What the index holds of one record: (name, value, item)."""

    texts: set[tuple[str, str, int]] = field(default_factory=set)
    numbers: set[tuple[str, float, int]] = field(default_factory=set)

    def add(self, name: str, value: object, item: int) -> None:
        """Take in one scalar; what is neither text, number nor time is not searched."""
        if isinstance(value, str):
            self.texts.add((name, value, item))
            if name.startswith("HyperParameters."):
                self.add(name, decimal(value), item)
        elif isinstance(value, datetime):
            self.numbers.add((name, float(micros(value)), item))
        elif isinstance(value, int | float):  # truth values among them
            with suppress(OverflowError):
                number = float(value)
                if math.isfinite(number):
                    self.numbers.add((name, number, item))


def terms_of(resource: Resource, doc: Document) -> Terms:
    """Return everything of a searchable kind, and of another what List may filter and sort by."""
    terms = Terms()
    if resource.kind in KINDS:
        for member, value in _told(resource, doc).items():
            if not member.startswith("_"):
                _walk(terms, member, value, 0, 0)
    else:
        for member, value in doc.items():
            if member in _followed(resource):
                _walk(terms, member, value, 0, 0)
            elif not member.startswith("_"):
                terms.add(member, value, 0)
    return terms


def indexed(resource: Resource, path: str) -> bool:
    """Tell whether the index answers for one path of a kind."""
    if resource.service != SERVICE or path.startswith("_"):  # Those are the server's own.
        return False
    return resource.kind in KINDS or "." not in path or path.partition(".")[0] in _followed(resource)


def path_of(scope: int, name: str) -> int:
    """Return the number by which the index knows one name of one kind, account and region."""
    digest = hashlib.blake2b(f"{scope} {name}".encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def shift(depth: int) -> int:
    """Return by how many bits an item's number is shifted to say which element at that depth it is."""
    return _DIGITS * (_DEEPEST - min(depth, _DEEPEST))


@cache
def _followed(resource: Resource) -> frozenset[str]:
    """Return the members into which filters and orders of the declaration reach."""
    bounds = [bound.partition(" ") for bound in (*resource.filters.values(), *resource.orders.values())]
    return frozenset(path.partition(".")[0] for path, _, test in bounds if "." in path or test == "has")


def _walk(terms: Terms, name: str, value: object, item: int, depth: int) -> None:
    if isinstance(value, dict):
        if value.keys() in _CHOICES:
            terms.add(name, next(iter(value.values())), item)
            return
        for key, inner in value.items():
            _walk(terms, f"{name}.{key}", inner, item, depth)
    elif isinstance(value, list):
        for known, inner in _named(name, value):
            terms.add(known, inner, item)
        if name == "Tags":
            return
        for number, inner in enumerate(value):
            _walk(terms, name, inner, item + (number << shift(depth + 1)), depth + 1)
    else:
        terms.add(name, value, item)


def _named(name: str, elements: list[object]) -> Iterator[tuple[str, object]]:
    """Yield what goes by a name of its own: tags, final metrics, and a trial component's statistics."""
    for element in elements:
        if not isinstance(element, dict):
            continue
        if name == "Tags":
            yield f"Tags.{element.get('Key')}", element.get("Value")
        elif name == "FinalMetricDataList":
            yield f"Metrics.{element.get('MetricName')}", element.get("Value")
        elif name == "Metrics":
            for statistic in METRIC_STATISTICS:
                yield f"Metrics.{element.get('MetricName')}.{statistic}", element.get(statistic)


def _told(resource: Resource, doc: Document) -> Document:
    """Return the document with what Describe says where the record says nothing."""
    for path, value in resource.answers.items():
        doc = filled(doc, path, value)
    return doc
