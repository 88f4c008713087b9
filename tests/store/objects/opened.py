"""An object store of the tests' own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.databases import kept, opened

from clary.core.clock import StoppedClock
from clary.store.objects import Objects
from clary.store.objects.content import Step, unwatched

ACCOUNT = "000000000000"
REGION = "us-east-1"
BUCKET = "a-bucket"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = timedelta(days=36_500)  # Content's change times are the machine's, far from these tests' noon.


class Store:
    """An object store with one bucket, and what is needed to look behind it."""

    def __init__(self, directory: Path, watch: Step = unwatched) -> None:
        self.clock = StoppedClock(NOON)
        self.root = directory / "objects"
        self.database = opened(directory / "clary.db")
        self.objects = kept(Objects(self.database, self.root, self.clock, watch=watch))
        if self.objects.find_bucket(BUCKET) is None:
            self.objects.create_bucket(BUCKET, ACCOUNT, REGION)

    def files(self) -> set[str]:
        """Return the names of all content files."""
        return {path.name for path in (self.root / "content").glob("*/*")}

    def staged(self) -> list[Path]:
        """Return what lies in the staging directory."""
        return list((self.root / "staging").iterdir())

    def named(self) -> set[str]:
        """Return the content ids that objects name."""
        return {info.content for info in self.objects.each(BUCKET)}

    def age(self) -> None:
        """Let so much time go by that nothing is young any more."""
        self.clock.at = NOON + LATER
