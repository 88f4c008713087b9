"""Records that live for a while, at a clock that moves when told to."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.operations.calling import NOON, Caller

from clary.core.errors import ApiError
from clary.operations.features.values import event_micros, expiry, iso

SERVICE = "sagemaker-featurestore-runtime"
HOUR = {"Unit": "Hours", "Value": 1}
NOW = NOON.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def caller(tmp_path: Path) -> Caller:
    caller = Caller(tmp_path)
    features = [{"FeatureName": name, "FeatureType": "String"} for name in ("id", "at")]
    caller.call(
        "CreateFeatureGroup",
        {
            "FeatureGroupName": "g",
            "RecordIdentifierFeatureName": "id",
            "EventTimeFeatureName": "at",
            "FeatureDefinitions": features,
            "OnlineStoreConfig": {"EnableOnlineStore": True, "TtlDuration": HOUR},
        },
    )
    return caller


def put(caller: Caller, identifier: str, **members: Any) -> None:
    values = [
        {"FeatureName": "id", "ValueAsString": identifier},
        {"FeatureName": "at", "ValueAsString": NOW},
    ]
    caller.call("PutRecord", {"FeatureGroupName": "g", "Record": values, **members}, SERVICE)


def get(caller: Caller, identifier: str) -> dict[str, Any]:
    asked = {
        "FeatureGroupName": "g",
        "RecordIdentifierValueAsString": identifier,
        "ExpirationTimeResponse": "Enabled",
    }
    return caller.call("GetRecord", asked, SERVICE)


def test_a_record_expires_after_the_groups_time_or_its_own(caller: Caller) -> None:
    put(caller, "short")
    put(caller, "long", TtlDuration={"Unit": "Days", "Value": 1})
    assert get(caller, "short")["ExpiresAt"] == "2026-11-23T13:00:00Z"
    caller.clock.at += timedelta(hours=1)
    assert get(caller, "short") == {}
    assert get(caller, "long")["ExpiresAt"] == "2026-11-24T12:00:00Z"
    listed = caller.call("ListRecords", {"FeatureGroupName": "g"}, SERVICE)
    assert listed["RecordIdentifiers"] == ["long"]


def test_an_expired_record_is_swept_and_its_event_forgotten(caller: Caller) -> None:
    put(caller, "a", TtlDuration={"Unit": "Seconds", "Value": 1})
    caller.clock.at += timedelta(minutes=1)
    put(caller, "b")
    with caller.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT identifier FROM feature_records").scalars().all()
    assert rows == ["b"]
    put(caller, "a")
    assert get(caller, "a")["Record"]


def test_a_group_may_stop_to_let_records_expire(caller: Caller) -> None:
    caller.call("UpdateFeatureGroup", {"FeatureGroupName": "g", "OnlineStoreConfig": {"TtlDuration": {}}})
    put(caller, "a")
    assert "ExpiresAt" not in get(caller, "a")


@pytest.mark.parametrize(
    ("text", "kind", "seconds"),
    [
        ("1970-01-01T00:00:01Z", "String", 1),
        ("1969-12-31T23:59:59.500Z", "String", -0.5),
        ("1700000000.25", "Fractional", 1700000000.25),
        ("-1e3", "Fractional", -1000),
    ],
)
def test_event_times_are_iso_texts_or_seconds(text: str, kind: str, seconds: float) -> None:
    assert event_micros(text, kind) == seconds * 1_000_000


@pytest.mark.parametrize(
    ("text", "kind"),
    [("1970-01-01", "String"), ("1e99", "Fractional"), ("inf", "Fractional"), ("now", "Fractional")],
)
def test_other_event_times_are_refused(text: str, kind: str) -> None:
    with pytest.raises(ApiError, match="event time"):
        event_micros(text, kind)


def test_a_time_beyond_the_calendar_is_its_end() -> None:
    latest = expiry(2**62, {"Unit": "Weeks", "Value": 2**62})
    assert latest == 2**63 - 1
    assert iso(latest).startswith("9999-12-31")
