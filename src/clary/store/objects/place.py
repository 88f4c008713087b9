"""What every part of the object store works with: the database, the content files, the clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from clary.core.body import StagedBody
from clary.core.clock import Clock
from clary.core.errors import ApiError
from clary.store.database import Database
from clary.store.objects.commit import Committer
from clary.store.objects.content import Content
from clary.store.objects.fresh import Fresh
from clary.store.objects.garbage import Collector


@dataclass(frozen=True)
class Place:
    """One object store's parts, built once by `Objects`."""

    database: Database
    content: Content
    collector: Collector
    committer: Committer
    fresh: Fresh
    clock: Clock

    @contextmanager
    def staged(self, body: StagedBody | bytes, algorithms: Iterable[str]) -> Iterator[StagedBody]:
        """Give the body as a staged file; unless it was taken from there, it is gone afterwards."""
        staged = self.content.write([body], algorithms) if isinstance(body, bytes) else body
        try:
            yield staged
        finally:
            staged.path.unlink(missing_ok=True)

    @contextmanager
    def naming(self, content: str) -> Iterator[None]:
        """Drop kept content again when the row that was to name it is refused.

        Only then: after any other failure a row may name it after all, and the sweep finds out.
        """
        try:
            yield
        except ApiError:
            self.content.discard([content])
            raise
