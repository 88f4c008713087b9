"""An HTTP request and response as the protocols see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from clary.core.body import FileBody, StagedBody


class Headers:
    """Header fields in arrival order; names compare without case, duplicates are kept."""

    def __init__(self, fields: list[tuple[str, str]] | None = None) -> None:
        self._fields = [(name.lower(), value) for name, value in fields or []]
        self._first: dict[str, str] | None = None

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the first value of `name`."""
        if self._first is None:
            self._first = dict(reversed(self._fields))
        return self._first.get(name.lower(), default)

    def all(self, name: str) -> list[str]:
        """Return every value of `name`, in order."""
        name = name.lower()
        return [value for field_name, value in self._fields if field_name == name]

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._fields)

    def add(self, name: str, value: str) -> None:
        """Append a field."""
        self._fields.append((name.lower(), value))
        self._first = None

    def set(self, name: str, value: str) -> None:
        """Put `value` in place of every field called `name`."""
        name = name.lower()
        self._fields = [item for item in self._fields if item[0] != name] + [(name, value)]
        self._first = None


@dataclass(kw_only=True)
class HttpRequest:
    """A request as it came: `path` and `query` still percent-encoded, without the `?`."""

    method: str
    path: str
    query: str = ""
    headers: Headers = field(default_factory=Headers)
    body: bytes | StagedBody = b""


@dataclass(kw_only=True)
class HttpResponse:
    """An answer; a `FileBody` is streamed by the gateway."""

    status: int = 200
    headers: Headers = field(default_factory=Headers)
    body: bytes | FileBody = b""
