"""Target tracking: which metric a policy follows, and the two alarms that set it off.

What is AWS's and what is ours: evidence/autoscaling.md.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations.cloudwatch import alarm
from clary.operations.registry import Call
from clary.resources.application_autoscaling.scalable_target import CONCURRENCY, INSTANCES
from clary.resources.cloudwatch.alarm import METRIC_ALARM
from clary.store.records import Record

CONFIGURATION = "TargetTrackingScalingPolicyConfiguration"
WELL_BELOW = 0.9  # Below that share of the target, a policy may scale in.
_NAMESPACE = "AWS/SageMaker"


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """Seconds of a datapoint, and how many of them in a row make a policy scale out and in."""

    period: int
    out: int
    back: int


@dataclass(frozen=True, kw_only=True)
class _Predefined:
    name: str
    statistic: str
    fine: bool = False
    dimension: str = INSTANCES


_VARIANT = {
    "SageMakerVariantInvocationsPerInstance": _Predefined(name="InvocationsPerInstance", statistic="Sum"),
    "SageMakerVariantConcurrentRequestsPerModelHighResolution": _Predefined(
        name="ConcurrentRequestsPerModel", statistic="Average", fine=True
    ),
    "SageMakerVariantProvisionedConcurrencyUtilization": _Predefined(
        name="ServerlessProvisionedConcurrencyUtilization", statistic="Average", dimension=CONCURRENCY
    ),
}
_RHYTHMS: Mapping[tuple[bool, bool], Rhythm] = {  # by (strict, high resolution)
    (False, False): Rhythm(period=60, out=1, back=2),
    (False, True): Rhythm(period=10, out=1, back=3),
    (True, False): Rhythm(period=60, out=3, back=15),
    (True, True): Rhythm(period=10, out=3, back=90),
}


def check(config: Document, dimension: str) -> None:
    """Refuse a configuration that no variant can follow, with that which is to be scaled."""
    given = [
        name for name in ("PredefinedMetricSpecification", "CustomizedMetricSpecification") if name in config
    ]
    if len(given) != 1:
        raise ValidationError(
            "Give exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification; "
            f"this policy has {' and '.join(given) or 'none'}."
        )
    if not config["TargetValue"] > 0:
        raise ValidationError(f"TargetValue is {config['TargetValue']}; it must be more than 0.")
    for name in ("ScaleOutCooldown", "ScaleInCooldown"):
        if config.get(name, 0) < 0:
            raise ValidationError(f"{name} is {config[name]}; it must be at least 0 seconds.")
    if (predefined := config.get("PredefinedMetricSpecification")) is not None:
        _check_predefined(predefined, dimension)
    else:
        _check_customized(config["CustomizedMetricSpecification"])


def put_alarms(call: Call, policy: Record) -> list[Document]:
    """Make or change the alarms of a policy; return them as PutScalingPolicy does."""
    config = policy.doc[CONFIGURATION]
    names = {
        each["AlarmName"].rpartition("-Alarm")[2].partition("-")[0]: each
        for each in policy.doc.get("Alarms", ())
    }
    wanted = ["High"] if config.get("DisableScaleIn") else ["High", "Low"]
    if "Low" in names and "Low" not in wanted:
        delete_alarms(call, [names["Low"]])
    made = []
    for side in wanted:
        fresh = f"TargetTracking-{policy.doc['ResourceId']}-Alarm{side}-{uuid.uuid4()}"
        name = names[side]["AlarmName"] if side in names else fresh
        request = alarm_request(name, policy.doc, strict=call.settings.strict)
        alarm.put_metric(replace(call, service="cloudwatch", operation="PutMetricAlarm", request=request))
        made.append({"AlarmName": name, "AlarmARN": call.records.arn(METRIC_ALARM, request)})
    return made


def delete_alarms(call: Call, alarms: list[Document]) -> None:
    """Delete those of a policy's alarms that nobody deleted before."""
    names = [each["AlarmName"] for each in alarms]
    left = [name for name in names if call.records.find(METRIC_ALARM, name) is not None]
    if left:
        request: Document = {"AlarmNames": left}
        alarm.delete(replace(call, service="cloudwatch", operation="DeleteAlarms", request=request))


def alarm_request(name: str, policy: Document, *, strict: bool) -> Document:
    """Return the alarm of one side of a policy, as PutMetricAlarm takes it."""
    config, high = policy[CONFIGURATION], "-AlarmHigh-" in name
    metric, fine = _metric(config, policy["ResourceId"])
    rhythm = _RHYTHMS[strict, fine]
    predefined = "PredefinedMetricSpecification" in config
    limit = config["TargetValue"] if high else config["TargetValue"] * WELL_BELOW
    whole: Document = {
        "AlarmName": name,
        "AlarmDescription": f"Sets off the scaling policy {policy['PolicyARN']}, which owns it.",
        "AlarmActions": [policy["PolicyARN"]],
        "ComparisonOperator": "GreaterThanThreshold" if high else "LessThanThreshold",
        "Threshold": limit,
        "EvaluationPeriods": rhythm.out if high else rhythm.back,
        # No calls are no datapoints, and no reason to keep hosts.
        "TreatMissingData": "breaching" if predefined and not high else "missing",
    }
    if "Metrics" in metric:
        return {**whole, "Metrics": [_timed(each, rhythm.period) for each in metric["Metrics"]]}
    return {**whole, **metric, "Period": rhythm.period}


def _metric(config: Document, resource: str) -> tuple[Document, bool]:
    """Return what an alarm watches, and whether it is of high resolution."""
    if (given := config.get("CustomizedMetricSpecification")) is not None:
        return given, False
    kind = _VARIANT[config["PredefinedMetricSpecification"]["PredefinedMetricType"]]
    _, endpoint, _, variant = resource.split("/")
    named = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
    metric = {
        "Namespace": _NAMESPACE,
        "MetricName": kind.name,
        "Dimensions": named,
        "Statistic": kind.statistic,
    }
    return metric, kind.fine


def _timed(query: Document, period: int) -> Document:
    if "MetricStat" not in query:
        return query
    return {**query, "MetricStat": {**query["MetricStat"], "Period": period}}


def _check_predefined(given: Document, dimension: str) -> None:
    kind = given["PredefinedMetricType"]
    known = [name for name, each in _VARIANT.items() if each.dimension == dimension]
    if kind not in known:
        raise ValidationError(
            f"PredefinedMetricType {kind} is none that {dimension} follows; use one of {', '.join(known)}, "
            "or a CustomizedMetricSpecification."
        )
    if "ResourceLabel" in given:
        raise ValidationError(f"ResourceLabel goes with load balancers' metrics; leave it out with {kind}.")


def _check_customized(given: Document) -> None:
    if "Metrics" in given:
        if others := [name for name in given if name != "Metrics"]:
            raise ValidationError(f"Metrics cannot be given together with {', '.join(others)}.")
        return
    if absent := [name for name in ("MetricName", "Namespace", "Statistic") if name not in given]:
        raise ValidationError(f"CustomizedMetricSpecification needs {', '.join(absent)}, or Metrics instead.")
