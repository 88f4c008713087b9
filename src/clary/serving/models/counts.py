"""What happened to the models of one variant, counted as it happens. evidence/multi-model.md"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from clary.serving.tally import rounded


@dataclass
class Counts:
    """Times are in microseconds."""

    waited: Counter[int] = field(default_factory=Counter)
    downloaded: Counter[int] = field(default_factory=Counter)
    loaded: Counter[int] = field(default_factory=Counter)
    unloaded: Counter[int] = field(default_factory=Counter)
    hits: Counter[int] = field(default_factory=Counter)  # 1 for a call whose model was there, 0 for another
    present: Counter[int] = field(default_factory=Counter)  # how many models a host has, look by look

    def told(self) -> Iterator[tuple[str, str, Counter[int]]]:
        """Return the metrics: name, unit and how often each value was seen."""
        yield "ModelLoadingWaitTime", "Microseconds", self.waited
        yield "ModelDownloadingTime", "Microseconds", self.downloaded
        yield "ModelLoadingTime", "Microseconds", self.loaded
        yield "ModelUnloadingTime", "Microseconds", self.unloaded
        yield "ModelCacheHit", "None", self.hits
        yield "LoadedModelCount", "None", self.present


def add(counted: Counter[int], seconds: float) -> None:
    """Count a time."""
    counted[rounded(seconds)] += 1
