"""What a gateway process knows of its predictions, as text that Prometheus reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from clary.serving.endpoints import Place
from clary.serving.tally import Tally

__all__ = ["CONTENT_TYPE_LATEST", "exposition"]

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the histograms' buckets, in seconds."""

_LABELS = ("account", "region", "endpoint", "variant")


def exposition(tallies: Mapping[Place, Tally]) -> bytes:
    """Return the totals since the process started."""
    registry = CollectorRegistry()
    registry.register(_Predictions(tallies))
    return generate_latest(registry)


class _Predictions(Collector):
    def __init__(self, tallies: Mapping[Place, Tally]) -> None:
        self._tallies = tallies

    def collect(self) -> Iterable[Metric]:
        told = [(place, tally.total()) for place, tally in self._tallies.items()]
        invocations = CounterMetricFamily(
            "clary_invocations",
            "Predictions by the status that the caller was told.",
            labels=[*_LABELS, "status"],
        )
        for place, calls in told:
            for status, count in sorted(calls.statuses.items()):
                invocations.add_metric([*place, str(status)], count)
        yield invocations
        yield _histogram(
            "clary_model_latency_seconds",
            "Seconds that the model server took.",
            ((place, calls.model) for place, calls in told),
        )
        yield _histogram(
            "clary_overhead_latency_seconds",
            "Seconds of a prediction that the model server did not take.",
            ((place, calls.overhead) for place, calls in told),
        )


def _histogram(name: str, words: str, of: Iterable[tuple[Place, Counter[int]]]) -> Metric:
    family = HistogramMetricFamily(name, words, labels=_LABELS)
    for place, counted in of:
        seconds = sum(micros * count for micros, count in counted.items()) / 1e6
        family.add_metric(list(place), [*_buckets(counted)], seconds)
    return family


def _buckets(counted: Counter[int]) -> Iterator[tuple[str, float]]:
    """Count what is up to each bound."""
    for bound in BOUNDS:
        yield str(bound), sum(count for micros, count in counted.items() if micros <= bound * 1e6)
    yield "+Inf", counted.total()
