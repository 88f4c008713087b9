"""What CloudWatch tells a topic of an alarm that changed: evidence/alarm-notifications.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from clary.core.document import Document

LONGEST_SUBJECT = 99
_PLAIN = ("MetricName", "Namespace")
_JUDGED = ("Period", "EvaluationPeriods", "DatapointsToAlarm", "ComparisonOperator", "Threshold")


def subject(alarm: str, state: str, region: str) -> str:
    """Return the message's subject; `region` is its long name."""
    return f'{state}: "{alarm}" in {region}'.encode("ascii", "replace").decode()[:LONGEST_SUBJECT]


def message(doc: Document, arn: str, account: str, region: str, change: Mapping[str, Any]) -> str:
    """Return the message: the alarm, what it went through, and what it watches."""
    told: Document = {
        "AlarmName": doc["AlarmName"],
        "AlarmDescription": doc.get("AlarmDescription"),
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": _time(doc["AlarmConfigurationUpdatedTimestamp"]),
        "NewStateValue": change["New"],
        "NewStateReason": change.get("Reason", doc.get("StateReason")),
        "StateChangeTime": _time(change["At"]),
        "Region": region,
        "AlarmArn": arn,
        "OldStateValue": change["Old"],
        "OKActions": doc.get("OKActions", []),
        "AlarmActions": doc.get("AlarmActions", []),
        "InsufficientDataActions": doc.get("InsufficientDataActions", []),
    }
    if "AlarmRule" in doc:
        return json.dumps({**told, "AlarmRule": doc["AlarmRule"]})
    return json.dumps({**told, "Trigger": _trigger(doc)})


def _trigger(doc: Document) -> Document:
    told: Document = {name: doc[name] for name in _PLAIN if name in doc}
    if "Statistic" in doc:
        told |= {"StatisticType": "Statistic", "Statistic": _UPPER.get(doc["Statistic"], doc["Statistic"])}
    elif "ExtendedStatistic" in doc:
        told |= {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": doc["ExtendedStatistic"]}
    if "MetricName" in doc:
        told["Unit"] = doc.get("Unit")
        told["Dimensions"] = [
            {"value": each["Value"], "name": each["Name"]} for each in doc.get("Dimensions", ())
        ]
    if "Metrics" in doc:
        told["Metrics"] = doc["Metrics"]
    told |= {name: doc[name] for name in _JUDGED if name in doc}
    told["TreatMissingData"] = doc.get("TreatMissingData", "")
    told["EvaluateLowSampleCountPercentile"] = doc.get("EvaluateLowSampleCountPercentile", "")
    return told


_UPPER = {
    "SampleCount": "SAMPLE_COUNT",
    "Average": "AVERAGE",
    "Sum": "SUM",
    "Minimum": "MINIMUM",
    "Maximum": "MAXIMUM",
}


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
