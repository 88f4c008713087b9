"""Feature groups and their online records as boto3 sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole"
OFFLINE = {"S3StorageConfig": {"S3Uri": f"s3://sagemaker-us-east-1-{ACCOUNT}/features"}}
FEATURES = [
    {"FeatureName": "id", "FeatureType": "String"},
    {"FeatureName": "at", "FeatureType": "String"},
    {"FeatureName": "age", "FeatureType": "Integral"},
    {"FeatureName": "score", "FeatureType": "Fractional"},
    {"FeatureName": "words", "FeatureType": "String", "CollectionType": "List"},
    {
        "FeatureName": "place",
        "FeatureType": "Fractional",
        "CollectionType": "Vector",
        "CollectionConfig": {"VectorConfig": {"Dimension": 2}},
    },
]


def group(name: str, **members: Any) -> dict[str, Any]:
    return {
        "FeatureGroupName": name,
        "RecordIdentifierFeatureName": "id",
        "EventTimeFeatureName": "at",
        "FeatureDefinitions": FEATURES,
        "OnlineStoreConfig": {"EnableOnlineStore": True, "StorageType": "InMemory"},
        **members,
    }


def record(**values: Any) -> list[dict[str, Any]]:
    return [
        {"FeatureName": name, "ValueAsStringList" if isinstance(value, list) else "ValueAsString": value}
        for name, value in values.items()
    ]


def at(second: int) -> str:
    return f"2026-11-23T12:00:{second:02}Z"


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


@pytest.fixture(scope="module")
def store(server: Server) -> Any:
    return server.client("sagemaker-featurestore-runtime")


@pytest.fixture
def name(sagemaker: Any) -> str:
    name = f"Group-{uuid4().hex[:8]}"
    sagemaker.create_feature_group(**group(name))
    return name


def values(store: Any, name: str, identifier: str, **asked: Any) -> dict[str, Any]:
    told = store.get_record(FeatureGroupName=name, RecordIdentifierValueAsString=identifier, **asked)
    return {
        each["FeatureName"]: each.get("ValueAsString", each.get("ValueAsStringList"))
        for each in told.get("Record", ())
    }


def test_an_online_group_is_created_at_once_and_described(sagemaker: Any, name: str) -> None:
    told = sagemaker.describe_feature_group(FeatureGroupName=name)
    assert told["FeatureGroupStatus"] == "Created" and "OfflineStoreStatus" not in told
    assert told["FeatureDefinitions"] == FEATURES
    assert told["FeatureGroupArn"].endswith(f":feature-group/{name.lower()}")
    assert (
        sagemaker.describe_feature_group(FeatureGroupName=told["FeatureGroupArn"])["FeatureGroupName"] == name
    )
    [listed] = sagemaker.list_feature_groups(NameContains=name, FeatureGroupStatusEquals="Created")[
        "FeatureGroupSummaries"
    ]
    assert listed["FeatureGroupArn"] == told["FeatureGroupArn"]
    code, words = refusal(sagemaker.create_feature_group, **group(name))
    assert code == "ResourceInUse" and words.startswith("Resource Already Exists: FeatureGroup with name")


def test_an_offline_store_is_blocked_and_says_so(sagemaker: Any, store: Any) -> None:
    name = f"Group-{uuid4().hex[:8]}"
    sagemaker.create_feature_group(**group(name, OfflineStoreConfig=OFFLINE, RoleArn=ROLE))
    told = sagemaker.describe_feature_group(FeatureGroupName=name)
    assert (told["FeatureGroupStatus"], told["OfflineStoreStatus"]["Status"]) == ("Created", "Blocked")
    assert "docs/reference/operations.md" in told["OfflineStoreStatus"]["BlockedReason"]
    blocked = sagemaker.list_feature_groups(
        NameContains=name, OfflineStoreStatusEquals="Blocked", SortBy="OfflineStoreStatus"
    )
    assert len(blocked["FeatureGroupSummaries"]) == 1
    store.put_record(FeatureGroupName=name, Record=record(id="a", at=at(1)))
    only = {"FeatureGroupName": name, "Record": record(id="a", at=at(2)), "TargetStores": ["OfflineStore"]}
    assert refusal(store.put_record, **only)[0] == "ValidationError"
    alone = f"Group-{uuid4().hex[:8]}"
    sagemaker.create_feature_group(
        **group(alone, OfflineStoreConfig=OFFLINE, RoleArn=ROLE, OnlineStoreConfig={})
    )
    told = sagemaker.describe_feature_group(FeatureGroupName=alone)
    assert told["FeatureGroupStatus"] == "CreateFailed" and told["FailureReason"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"RecordIdentifierFeatureName": "absent"},
        {"EventTimeFeatureName": "age"},
        {"FeatureDefinitions": [*FEATURES, FEATURES[0]]},
        {"FeatureDefinitions": [*FEATURES, {"FeatureName": "is_deleted", "FeatureType": "String"}]},
        {"OnlineStoreConfig": {"EnableOnlineStore": False}},
        {"OfflineStoreConfig": OFFLINE},
        {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/absent"},
    ],
)
def test_a_group_that_could_not_work_is_refused(sagemaker: Any, wrong: dict[str, Any]) -> None:
    asked = {**group(f"Group-{uuid4().hex[:8]}"), **wrong}
    assert refusal(sagemaker.create_feature_group, **asked)[0] == "ValidationException"


def test_a_record_comes_back_in_the_order_of_the_definitions(store: Any, name: str) -> None:
    given = record(score="0.5", place=["1", "2.5"], words=["b", "a"], age="7", at=at(1), id="a")
    store.put_record(FeatureGroupName=name, Record=given)
    told = store.get_record(FeatureGroupName=name, RecordIdentifierValueAsString="a")["Record"]
    assert [each["FeatureName"] for each in told] == ["id", "at", "age", "score", "words", "place"]
    assert {str(each) for each in told} == {str(each) for each in given}
    assert values(store, name, "a", FeatureNames=["age", "id"]) == {"id": "a", "age": "7"}
    assert "Record" not in store.get_record(FeatureGroupName=name, RecordIdentifierValueAsString="absent")


def test_the_later_event_wins_whatever_comes_last(store: Any, name: str) -> None:
    for second, age in ((2, "2"), (1, "1"), (3, "3"), (3, "4")):
        store.put_record(FeatureGroupName=name, Record=record(id="a", at=at(second), age=age))
    assert values(store, name, "a")["age"] == "3"


def test_a_deletion_is_an_event(store: Any, name: str) -> None:
    asked = {"FeatureGroupName": name, "RecordIdentifierValueAsString": "a"}
    store.put_record(FeatureGroupName=name, Record=record(id="a", at=at(2), age="1"))
    store.delete_record(**asked, EventTime=at(1))
    assert values(store, name, "a")
    assert refusal(store.delete_record, **asked, EventTime=at(2), DeletionMode="HardDelete")[0] == (
        "ValidationError"
    )
    store.delete_record(**asked, EventTime=at(4))
    assert not values(store, name, "a")
    store.put_record(FeatureGroupName=name, Record=record(id="a", at=at(3)))
    assert not values(store, name, "a")
    assert store.list_records(FeatureGroupName=name)["RecordIdentifiers"] == []
    left = store.list_records(FeatureGroupName=name, IncludeSoftDeletedRecords=True)
    assert left["RecordIdentifiers"] == ["a"]
    store.put_record(FeatureGroupName=name, Record=record(id="a", at=at(5)))
    store.delete_record(**asked, EventTime=at(6), DeletionMode="HardDelete")
    store.put_record(FeatureGroupName=name, Record=record(id="a", at=at(1)))
    assert values(store, name, "a") == {"id": "a", "at": at(1)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"age": "7.5"},
        {"age": "99999999999999999999"},
        {"score": "high"},
        {"score": "nan"},
        {"absent": "x"},
        {"age": ["1"]},
        {"words": "x"},
        {"place": ["1"]},
        {"at": "2026-11-23 12:00:00"},
        {"at": "2026-13-45T12:00:00Z"},
        {"id": ""},
    ],
)
def test_a_value_that_is_none_of_its_definition_is_refused(
    store: Any, name: str, wrong: dict[str, Any]
) -> None:
    given = record(**{"id": "a", "at": at(1), **wrong})
    assert refusal(store.put_record, FeatureGroupName=name, Record=given)[0] == "ValidationError"
    assert not values(store, name, "a")


def test_a_batch_is_written_and_read_record_by_record(store: Any, name: str) -> None:
    entries = [
        {"FeatureGroupName": name, "Record": record(id="a", at=at(1))},
        {"FeatureGroupName": name, "Record": record(id="b", at="never")},
        {"FeatureGroupName": "absent", "Record": record(id="c", at=at(1))},
    ]
    told = store.batch_write_record(Entries=entries)
    assert [error["ErrorCode"] for error in told["Errors"]] == ["ValidationError", "ResourceNotFound"]
    assert told["UnprocessedEntries"] == []
    asked = [
        {"FeatureGroupName": name, "RecordIdentifiersValueAsString": ["a", "b"], "FeatureNames": ["id"]},
        {"FeatureGroupName": "absent", "RecordIdentifiersValueAsString": ["c"]},
    ]
    found = store.batch_get_record(Identifiers=asked)
    assert found["Records"] == [
        {
            "FeatureGroupName": name,
            "RecordIdentifierValueAsString": "a",
            "Record": [{"FeatureName": "id", "ValueAsString": "a"}],
        }
    ]
    assert [error["RecordIdentifierValueAsString"] for error in found["Errors"]] == ["c"]


def test_records_are_listed_each_once_page_by_page(store: Any, name: str) -> None:
    for number in range(7):
        store.put_record(FeatureGroupName=name, Record=record(id=f"r{number}", at=at(1)))
    listed: list[str] = []
    more: dict[str, str] = {}
    while True:
        page = store.list_records(FeatureGroupName=name, MaxResults=3, **more)
        listed += page["RecordIdentifiers"]
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    assert listed == [f"r{number}" for number in range(7)]
    foreign = refusal(store.list_records, FeatureGroupName=name, NextToken="forged")
    assert foreign[0] == "ValidationError"


def test_some_features_are_updated_in_place(sagemaker: Any, store: Any, name: str) -> None:
    asked = {"FeatureGroupName": name, "RecordIdentifierValueAsString": "a"}
    assert refusal(store.update_record, **asked, Features=record(age="1"))[0] == "ResourceNotFound"
    store.put_record(FeatureGroupName=name, Record=record(id="a", at=at(2), age="1", score="1"))
    store.update_record(**asked, Features=record(age="2"))
    assert values(store, name, "a") == {"id": "a", "at": at(2), "age": "2", "score": "1"}
    older = refusal(store.update_record, **asked, Features=record(at=at(1)))
    assert older[0] == "ConflictException"
    ttl = {"Unit": "Days", "Value": 1}
    assert refusal(store.update_record, **asked, Features=record(age="3"), TtlDuration=ttl)[0] == (
        "ValidationError"
    )
    plain = f"Group-{uuid4().hex[:8]}"
    sagemaker.create_feature_group(**group(plain, OnlineStoreConfig={"EnableOnlineStore": True}))
    store.put_record(FeatureGroupName=plain, Record=record(id="a", at=at(1)))
    refused = refusal(store.update_record, **{**asked, "FeatureGroupName": plain}, Features=record(age="2"))
    assert refused[0] == "ValidationError"


def test_an_absent_group_is_refused_as_aws_words_it(store: Any) -> None:
    words = "Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name [absent]."
    put = refusal(store.put_record, FeatureGroupName="absent", Record=record(id="a", at=at(1)))
    assert put == ("ValidationError", words)
    got = refusal(store.get_record, FeatureGroupName="absent", RecordIdentifierValueAsString="a")
    assert got == ("ResourceNotFound", words)


def test_features_are_added_and_described(sagemaker: Any, store: Any, name: str) -> None:
    sagemaker.update_feature_group(
        FeatureGroupName=name, FeatureAdditions=[{"FeatureName": "new", "FeatureType": "String"}]
    )
    told = sagemaker.describe_feature_group(FeatureGroupName=name)
    assert told["FeatureDefinitions"][-1]["FeatureName"] == "new"
    assert told["LastUpdateStatus"]["Status"] == "Successful"
    store.put_record(FeatureGroupName=name, Record=record(id="a", at=at(1), new="x"))
    asked = {"FeatureGroupName": told["FeatureGroupArn"], "FeatureName": "new"}
    sagemaker.update_feature_metadata(
        **asked, Description="d", ParameterAdditions=[{"Key": "k", "Value": "v"}, {"Key": "l", "Value": "w"}]
    )
    sagemaker.update_feature_metadata(**asked, ParameterRemovals=["l"])
    feature = sagemaker.describe_feature_metadata(**asked)
    assert (feature["FeatureType"], feature["Description"]) == ("String", "d")
    assert feature["Parameters"] == [{"Key": "k", "Value": "v"}]
    assert feature["FeatureGroupArn"] == told["FeatureGroupArn"]
    absent = {"FeatureGroupName": name, "FeatureName": "absent"}
    assert refusal(sagemaker.describe_feature_metadata, **absent)[0] == "ResourceNotFound"


def test_a_deleted_group_takes_its_records_along(sagemaker: Any, store: Any, name: str) -> None:
    store.put_record(FeatureGroupName=name, Record=record(id="a", at=at(1)))
    sagemaker.delete_feature_group(FeatureGroupName=name)
    assert refusal(sagemaker.describe_feature_group, FeatureGroupName=name)[0] == "ResourceNotFound"
    sagemaker.create_feature_group(**group(name))
    assert not values(store, name, "a")
