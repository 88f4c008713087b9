"""Conditional requests: what a caller demands of the object's present version, decided without I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from clary.store.objects.errors import NoSuchKey, NotModified, PreconditionFailed, refused


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The conditions of a GET, a HEAD or a copy's source. A header that is absent is None."""

    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: datetime | None = None
    if_unmodified_since: datetime | None = None

    def check(self, etag: str, modified: datetime, now: datetime) -> None:
        """Raise NotModified or PreconditionFailed, in the order of precedence that RFC 9110 gives."""
        if self.if_match is not None:
            if not matches(self.if_match, etag):
                raise PreconditionFailed("If-Match")
        elif self.if_unmodified_since is not None and modified > self.if_unmodified_since:
            raise PreconditionFailed("If-Unmodified-Since")
        if self.if_none_match is not None:
            if matches(self.if_none_match, etag):
                raise NotModified(etag, format_datetime(modified.astimezone(UTC), usegmt=True))
        elif self.if_modified_since is not None and modified <= self.if_modified_since <= now:
            raise NotModified(etag, format_datetime(modified.astimezone(UTC), usegmt=True))

    def check_source(self, etag: str, modified: datetime, now: datetime) -> None:
        """Do the same for a copy's source, where every failure is a failed precondition."""
        try:
            self.check(etag, modified, now)
        except NotModified as error:
            since = self.if_none_match is None
            name = "x-amz-copy-source-If-" + ("Modified-Since" if since else "None-Match")
            raise PreconditionFailed(name) from error


@dataclass(frozen=True, kw_only=True)
class Writing:
    """The conditions of a PUT, a copy's target, a completed upload or a DELETE."""

    if_match: str | None = None
    if_none_match: str | None = None
    size: int | None = None
    modified: datetime | None = None

    def check(self, key: str, present: tuple[str, int, datetime] | None) -> None:
        """Raise unless the object now at the key (ETag, size, time; None: there is none) is as demanded."""
        if self.if_none_match is not None:
            if self.if_none_match.strip() != "*":
                message = "A header you provided implies functionality that is not implemented."
                raise refused("NotImplemented", message, Header="If-None-Match")
            if present is not None:
                raise PreconditionFailed("If-None-Match")
        if self.if_match is not None:
            if present is None:
                raise NoSuchKey(key)
            if not matches(self.if_match, present[0]):
                raise PreconditionFailed("If-Match")
        if self.size is not None and (present is None or present[1] != self.size):
            raise PreconditionFailed("x-amz-if-match-size")
        if self.modified is not None and (present is None or present[2] != self.modified):
            raise PreconditionFailed("x-amz-if-match-last-modified-time")


def matches(header: str, etag: str) -> bool:
    """Say whether an If-Match or If-None-Match header names that ETag."""
    named = [item.strip().removeprefix("W/").strip('"') for item in header.split(",")]
    return "*" in named or etag in named
