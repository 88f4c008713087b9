"""What a record is, and how a row becomes one."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from clary.core.document import Document
from clary.resources.spec import Resource
from clary.store.tables import RECORDS
from clary.store.times import from_micros

_TIMES = ("status_since", "created", "modified", "due")
_FIELDS = (
    "uid",
    "service",
    "kind",
    "account",
    "region",
    "key",
    "name",
    "arn",
    "version",
    "doc",
    "status",
    *_TIMES,
)
COLUMNS = [RECORDS.c[name] for name in _FIELDS]
"""What a statement selects so that `from_row` can read it."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One resource as it was when read. `doc` must not be changed in place.

    `key` is the identity's values joined by `/`, `name` the last of them. `due` is when the loop should look
    at it next, None for never. Members of `doc` that start with `_` are the controllers' own.
    """

    uid: str
    service: str
    kind: str
    account: str
    region: str
    key: str
    name: str
    arn: str
    version: int
    doc: Document
    status: str
    status_since: datetime
    created: datetime
    modified: datetime
    due: datetime | None


def from_row(row: RowMapping | Document) -> Record:
    """Read a row, or the values about to become one."""
    fields = {name: row[name] for name in _FIELDS}
    return Record(**{**fields, **_times(fields)})


def after(record: Record, values: Mapping[str, Any]) -> Record:
    """Return the record as it is once `values` are written."""
    return replace(record, **{**values, **_times(values)})


def key_of(resource: Resource, doc: Document) -> str:
    """Return the key that a document's identity members make."""
    key = "/".join(str(doc.get(member, "")) for member in resource.key())
    return key.lower() if resource.caseless else key


def arn_tail(resource: Resource, doc: Document) -> str:
    """Return the resource part of the ARN that a document has; what it does not say is `*`."""
    return _ARN.vformat(resource.arn, (), _Said(doc))


def status_of(resource: Resource, doc: Document) -> str:
    """Return the status a document states, "" for a kind without one."""
    return str(doc.get(resource.status, "")) if resource.status else ""


def place_of(record: Record) -> Document:
    """Return where a record lives."""
    return {name: getattr(record, name) for name in ("service", "kind", "account", "region")}


def scope_of(service: str, kind: str, account: str, region: str) -> int:
    """Return the number under which the indexes hold one kind of one account and region: 63 bits of hash."""
    digest = hashlib.sha256("\0".join((service, kind, account, region)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


class _Said(dict[str, Any]):
    def __missing__(self, member: str) -> str:
        return "*"


class _ArnFormatter(string.Formatter):
    def convert_field(self, value: object, conversion: str | None) -> object:
        if conversion == "l":
            return str(value).lower()
        if conversion == "u":
            return str(value).upper()
        if conversion == "e":
            return "" if value == "*" else value
        return super().convert_field(value, conversion)


_ARN = _ArnFormatter()


def _times(values: Mapping[str, Any]) -> dict[str, datetime | None]:
    return {n: None if values[n] is None else from_micros(values[n]) for n in _TIMES if n in values}
