"""What an alarm must be like to be put."""

from __future__ import annotations

import math
from collections.abc import Mapping

from clary.core.arn import parse as parse_arn
from clary.core.document import Document
from clary.engines.cloudwatch.alarm import COMPARISONS
from clary.engines.cloudwatch.composite import BadRule, parse_rule
from clary.engines.cloudwatch.statistics import SIMPLE, parse
from clary.operations.cloudwatch.metric_data import dimensions
from clary.operations.cloudwatch.query import read_queries
from clary.operations.cloudwatch.words import clash, missing, refused
from clary.operations.registry import Call

_TREATMENTS = ("breaching", "notBreaching", "ignore", "missing")
_LONGEST = 7 * 24 * 3600  # Seconds that all periods of an alarm span at most.
_OF_METRIC = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit")
_ABSENT: Mapping[str, str] = {
    "ThresholdMetricId": "there is no anomaly detection",
    "EvaluationCriteria": "there is no PromQL",
    "EvaluationInterval": "there is no PromQL",
    "WarmUpConfiguration": "alarms are evaluated from the start",
    "ActionConfiguration": "tags are not handed to actions",
    "ActionsSuppressor": "a composite alarm acts by itself",
    "ActionsSuppressorWaitPeriod": "a composite alarm acts by itself",
    "ActionsSuppressorExtensionPeriod": "a composite alarm acts by itself",
}


def check_metric(call: Call) -> None:
    """Refuse what PutMetricAlarm refuses."""
    request = call.request
    _check_absent(request)
    for member in ("EvaluationPeriods", "ComparisonOperator", "Threshold"):
        if member not in request:
            raise missing(f"The parameter {member} is required.")
    if not math.isfinite(request["Threshold"]):
        raise refused(f"Threshold is {request['Threshold']}; it must be a finite number.")
    if request["ComparisonOperator"] not in COMPARISONS:
        raise refused(
            f"ComparisonOperator {request['ComparisonOperator']} needs anomaly detection, which is not "
            f"available here; use one of {', '.join(COMPARISONS)}."
        )
    if request.get("TreatMissingData", "missing") not in _TREATMENTS:
        raise refused(f"TreatMissingData must be one of {', '.join(_TREATMENTS)}.")
    if request.get("EvaluateLowSampleCountPercentile", "evaluate") not in ("evaluate", "ignore"):
        raise refused("EvaluateLowSampleCountPercentile must be evaluate or ignore.")
    if request.get("DatapointsToAlarm", 1) > request["EvaluationPeriods"]:
        raise refused("DatapointsToAlarm must not be greater than EvaluationPeriods.")
    zone = request.get("EvaluationWindow", {}).get("WallClockWindow", {}).get("Timezone", "UTC")
    if zone not in ("UTC", "+00:00", "Etc/UTC"):
        raise refused(f"A WallClockWindow in {zone} is not available here; periods follow UTC.")
    period = _check_math(call) if "Metrics" in request else _check_plain(request)
    if period * request["EvaluationPeriods"] > _LONGEST:
        raise refused("Metrics cannot be checked across more than seven days (EvaluationPeriods * Period).")


def check_composite(call: Call) -> None:
    """Refuse what PutCompositeAlarm refuses."""
    _check_absent(call.request)
    try:
        parse_rule(call.request["AlarmRule"])
    except BadRule as error:
        raise refused(f"Error in AlarmRule: {error}") from error


def _check_absent(request: Document) -> None:
    for member, why in _ABSENT.items():
        if member in request:
            raise refused(f"{member} is not available here: {why}.")
    for member in ("OKActions", "AlarmActions", "InsufficientDataActions"):
        for action in request.get(member, ()):
            if parse_arn(action) is None:
                raise refused(f"Invalid arn syntax: {action}")


def _check_plain(request: Document) -> int:
    """Check an alarm on one metric; return its period."""
    for member in ("MetricName", "Namespace", "Period"):
        if member not in request:
            raise missing(f"The parameter {member} is required.")
    if ("Statistic" in request) == ("ExtendedStatistic" in request):
        raise clash("Exactly one of Statistic and ExtendedStatistic must be specified.")
    extended = request.get("ExtendedStatistic")
    if extended is not None and (extended in SIMPLE or parse(extended) is None):
        raise refused(f"The value {extended} for parameter ExtendedStatistic is not supported.")
    dimensions(request.get("Dimensions", ()))
    period: int = request["Period"]
    if period not in (10, 20, 30) and period % 60:
        raise refused(f"Period must be 10, 20, 30 or a multiple of 60, not {period}.")
    return period


def _check_math(call: Call) -> int:
    """Check an alarm on an expression; return the longest period in it."""
    request = call.request
    if given := [member for member in _OF_METRIC if member in request]:
        raise clash(f"Metrics cannot be given together with {', '.join(given)}.")
    queries = read_queries(request["Metrics"], call.account)
    if sum(query.shown for query in queries) != 1:
        raise refused("Exactly one element of the metrics list should return data.")
    if not any(query.metric for query in queries):
        raise refused("The metrics list must have a metric.")
    return max(query.period for query in queries)
