"""Training jobs and expressions to search them by, from a seed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

Doc = dict[str, Any]
BEGUN = datetime(2026, 3, 1, tzinfo=UTC)
NUMBERS = ("-1.5", "-1", "0", "0.1", "0.5", "1", "1.5", "2", "2.0", "10")
WORDS = ("adam", "sgd", "Adam", "a,b", "x_%y", "ü")

_TEXTS: dict[str, tuple[str, ...]] = {
    "TrainingJobStatus": ("Completed", "Failed", "Stopped"),
    "AlgorithmSpecification.TrainingImage": ("xgboost:1", "xgboost:2", "pytorch"),
    "ResourceConfig.InstanceType": ("ml.m5.large", "ml.g5.xlarge"),
    "Tags.team": ("red", "blue", "Blue"),
    "Tags.a.b": ("1", ""),
    "InputDataConfig.ChannelName": ("train", "test", "valid"),
    "InputDataConfig.DataSource.S3DataSource.S3Uri": ("s3://a/train", "s3://b/test"),
    "VpcConfig.Subnets": ("subnet-1", "subnet-2"),
    "Environment.MODE": ("fast", "slow"),
}
_NUMERIC = {
    "Metrics.acc": ("0.25", "0.5", "0.75", "1"),
    "Metrics.loss.total": ("1", "2", "3"),
    "TrainingTimeInSeconds": ("10", "20", "30"),
    "ResourceConfig.InstanceCount": ("1", "2"),
}
_TIMES = ("CreationTime", "TrainingStartTime")
_SETTINGS = ("HyperParameters.eta", "HyperParameters.optimizer", "HyperParameters.n.x")
_GROUPS = ("VpcConfig", "InputDataConfig", "HyperParameters", "Tags", "Environment")
_ORDERS = ("GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo")
SORTS = (*(n for n in _TEXTS if "Input" not in n and "Subnets" not in n), *_NUMERIC, *_SETTINGS, *_TIMES)


def job(number: int, dice: random.Random) -> Doc:
    """Return a document of which about everything may be missing."""

    def some(*values: Any) -> Any:
        return dice.choice((None, *values))

    def pick(name: str) -> str:
        return dice.choice(_TEXTS[name])

    channels = [
        {
            "ChannelName": pick("InputDataConfig.ChannelName"),
            "DataSource": {"S3DataSource": {"S3Uri": pick("InputDataConfig.DataSource.S3DataSource.S3Uri")}},
        }
        for _ in range(dice.randrange(4))
    ]
    tags = {"team": some(*_TEXTS["Tags.team"]), "a.b": some(*_TEXTS["Tags.a.b"])}
    settings = {
        "eta": some(*NUMBERS),
        "optimizer": some(*WORDS, *NUMBERS[:3]),
        "n.x": some(*NUMBERS),
    }
    metrics = {"acc": some(0.25, 0.5, 0.75, 1.0), "loss.total": some(1, 2.5)}
    began = BEGUN + timedelta(milliseconds=dice.randrange(10_000))
    doc = {
        "TrainingJobName": f"job-{number:03}",
        "TrainingJobStatus": pick("TrainingJobStatus"),
        "AlgorithmSpecification": {"TrainingImage": pick("AlgorithmSpecification.TrainingImage")},
        "ResourceConfig": {
            "InstanceType": pick("ResourceConfig.InstanceType"),
            "InstanceCount": dice.randrange(1, 3),
        },
        "InputDataConfig": channels or None,
        "VpcConfig": some({"Subnets": dice.sample(_TEXTS["VpcConfig.Subnets"], dice.randrange(1, 3))}),
        "Environment": some({"MODE": pick("Environment.MODE")}),
        "EnableManagedSpotTraining": some(True, False),
        "TrainingTimeInSeconds": some(10, 20, 30),
        "CreationTime": BEGUN + timedelta(milliseconds=dice.randrange(10) * 500),
        "TrainingStartTime": some(began, began),
        "HyperParameters": {key: value for key, value in settings.items() if value is not None} or None,
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items() if value is not None] or None,
        "FinalMetricDataList": [
            {"MetricName": key, "Value": value, "Timestamp": BEGUN}
            for key, value in metrics.items()
            if value is not None
        ]
        or None,
    }
    return {member: value for member, value in doc.items() if value is not None}


def expression(dice: random.Random, depth: int = 0) -> Doc:
    """Return an expression of one to three conditions, some of them nested."""
    made: Doc = {}
    for _ in range(dice.randrange(1, 4)):
        what = dice.random()
        if what < 0.2:
            made.setdefault("NestedFilters", []).append(
                {
                    "NestedPropertyName": "InputDataConfig",
                    "Filters": [text(dice, _NESTED) for _ in range(dice.randrange(1, 3))],
                }
            )
        elif what < 0.45 and depth < 3:
            made.setdefault("SubExpressions", []).append(expression(dice, depth + 1))
        else:
            made.setdefault("Filters", []).append(condition(dice))
    if dice.random() < 0.7:
        made["Operator"] = dice.choice(("And", "Or"))
    return made


def condition(dice: random.Random) -> Doc:
    """Return one filter of any kind of property."""
    what = dice.random()
    if what < 0.4:
        return text(dice, tuple(_TEXTS))
    if what < 0.6:
        name = dice.choice(tuple(_NUMERIC))
        return compared(dice, name, dice.choice(_NUMERIC[name]))
    if what < 0.8:
        name = dice.choice(_SETTINGS)
        if dice.random() < 0.3:
            return {"Name": name, "Operator": dice.choice(("Equals", "Contains", "In")), "Value": "adam"}
        return compared(dice, name, dice.choice(NUMBERS))
    if what < 0.9:
        at = BEGUN + timedelta(milliseconds=dice.randrange(10) * 500)
        return compared(dice, dice.choice(_TIMES), at.replace(tzinfo=None).isoformat())
    if what < 0.95:
        return {"Name": "EnableManagedSpotTraining", "Value": dice.choice(("true", "false"))}
    return {"Name": dice.choice((*_GROUPS, *_SETTINGS)), "Operator": dice.choice(("Exists", "NotExists"))}


def text(dice: random.Random, names: tuple[str, ...]) -> Doc:
    """Return a filter on a text."""
    name = dice.choice(names)
    value = dice.choice([one for one in _TEXTS[name] if one])
    operator = dice.choice((None, "Equals", "NotEquals", "Contains", "In", "Exists", "NotExists"))
    if operator is None:
        return {"Name": name, "Value": value}
    if operator.endswith("Exists"):
        return {"Name": name, "Operator": operator}
    if operator == "Contains":
        return {"Name": name, "Operator": operator, "Value": value[1:4] or value}
    if operator == "In":
        return {"Name": name, "Operator": operator, "Value": f"{value},nothing"}
    return {"Name": name, "Operator": operator, "Value": value}


def compared(dice: random.Random, name: str, value: str) -> Doc:
    """Return a filter that compares."""
    return {"Name": name, "Operator": dice.choice((*_ORDERS, "Equals", "NotEquals")), "Value": value}


_NESTED = tuple(name for name in _TEXTS if name.startswith("InputDataConfig."))
