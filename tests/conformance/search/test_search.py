"""Search answers exactly what going through all documents would, in order, page by page."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conformance.search import brute
from tests.conformance.search.jobs import BEGUN, SORTS, expression, job

from clary.core.clock import StoppedClock
from clary.resources.training.training_job import TRAINING_JOB
from clary.store.records import Record, Records

if TYPE_CHECKING:
    from tests.conftest import Server

REGION = "eu-north-1"  # of these tests alone
JOBS = 150
SHOWN = {"EnableManagedSpotTraining": False}  # as DescribeTrainingJob says of a job that does not
ACCOUNT = "000000000000"


@pytest.fixture(scope="module")
def records(server: Server) -> Records:
    return Records(server.stores.database, StoppedClock(BEGUN), ACCOUNT, REGION)


@pytest.fixture(scope="module")
def docs(records: Records) -> dict[str, brute.Doc]:
    dice = random.Random(7)  # noqa: S311 - the same jobs in every run
    made = [record(records, job(number, dice), number) for number in range(JOBS)]
    return {one.name: {**SHOWN, **one.doc} for one in made}


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker", region_name=REGION, config={"parameter_validation": False})


def record(records: Records, doc: brute.Doc, number: int) -> Record:
    return records.create(TRAINING_JOB, {**doc, "LastModifiedTime": BEGUN + timedelta(seconds=number % 40)})


def found(sagemaker: Any, **request: Any) -> list[str]:
    names: list[str] = []
    answer: dict[str, Any] = {}
    while not names or "NextToken" in answer:
        more = {"NextToken": answer["NextToken"]} if "NextToken" in answer else {}
        answer = sagemaker.search(Resource="TrainingJob", **{"MaxResults": 60, **request, **more})
        names += [result["TrainingJob"]["TrainingJobName"] for result in answer["Results"]]
        if not answer["Results"]:
            break
    assert answer["TotalHits"] == {"Value": len(names), "Relation": "EqualTo"}
    return names


@pytest.mark.parametrize("seed", range(8))
def test_a_search_finds_what_looking_at_all_finds(
    sagemaker: Any, docs: dict[str, brute.Doc], seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311 - the same expressions in every run
    some = 0
    for _ in range(25):
        asked = expression(dice)
        expected = {name for name, doc in docs.items() if brute.meets(doc, asked)}
        names = found(sagemaker, SearchExpression=asked)
        assert len(set(names)) == len(names)
        assert set(names) == expected, asked
        some += 0 < len(expected) < len(docs)
    assert some > 10  # the expressions tell the documents apart


@pytest.mark.parametrize("order", ["Ascending", "Descending"])
@pytest.mark.parametrize("by", SORTS)
def test_a_search_sorts_by_any_property(
    sagemaker: Any, docs: dict[str, brute.Doc], by: str, order: str
) -> None:
    names = found(sagemaker, SortBy=by, SortOrder=order, MaxResults=7)
    assert sorted(names) == sorted(docs)
    keys = [brute.order(docs[name], by) for name in names]
    present = [key for key in keys if key is not None]
    assert keys == present + [None] * (len(keys) - len(present))  # what has none comes last
    if by.startswith("HyperParameters"):  # numbers before words, each in order
        present = [key for key in present if key[0] == "a"]
    assert present == sorted(present, reverse=order == "Descending")


def test_the_newest_comes_first_unless_asked_otherwise(sagemaker: Any, docs: dict[str, brute.Doc]) -> None:
    times = [docs[name]["LastModifiedTime"] for name in found(sagemaker)]
    assert times == sorted(times, reverse=True)


def test_what_is_written_is_found_at_once(sagemaker: Any, records: Records) -> None:
    def tagged(value: str) -> list[str]:
        return found(sagemaker, SearchExpression={"Filters": [{"Name": "Tags.fresh", "Value": value}]})

    doc = {"TrainingJobName": "fresh", "Tags": [{"Key": "fresh", "Value": "1"}]}
    made = records.create(TRAINING_JOB, doc)
    assert tagged("1") == ["fresh"] and tagged("2") == []
    made = records.update(made, {"Tags": [{"Key": "fresh", "Value": "2"}]})
    assert tagged("1") == [] and tagged("2") == ["fresh"]
    records.delete(made)
    assert tagged("1") == tagged("2") == []


def test_names_of_members_are_taken_in_any_case(sagemaker: Any, docs: dict[str, brute.Doc]) -> None:
    asked = {"Filters": [{"Name": "metrics.acc", "Operator": "GreaterThan", "Value": "0.6"}]}
    spelt = {"Filters": [{"Name": "Metrics.acc", "Operator": "GreaterThan", "Value": "0.6"}]}
    assert found(sagemaker, SearchExpression=asked) == found(sagemaker, SearchExpression=spelt) != []


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"SearchExpression": {"Filters": [{"Name": "Colour", "Value": "x"}]}}, "'Colour'"),
        ({"SearchExpression": {"Filters": [{"Name": "RoleArn.x", "Value": "x"}]}}, "'RoleArn.x'"),
        ({"SearchExpression": {"Filters": [{"Name": "VpcConfig", "Value": "x"}]}}, "Exists"),
        ({"SearchExpression": {}}, "at least one"),
        ({"SearchExpression": {"SubExpressions": [{"Operator": "And"}]}}, "at least one"),
        ({"SearchExpression": {"Filters": [{"Name": "RoleArn", "Operator": "Equals"}]}}, "needs a Value"),
        ({"SearchExpression": {"Filters": [{"Name": "CreationTime", "Value": "noon"}]}}, "YYYY"),
        ({"SearchExpression": {"Filters": [{"Name": "TrainingTimeInSeconds", "Value": "x"}]}}, "integer"),
        ({"SearchExpression": {"Filters": [{"Name": "Metrics.acc", "Value": "1" * 400}]}}, "integer"),
        ({"SearchExpression": {"Filters": [{"Name": "EnableManagedSpotTraining", "Value": "1"}]}}, "true or"),
        (
            {
                "SearchExpression": {
                    "Filters": [{"Name": "RoleArn", "Operator": "LessThan", "Value": "x"}],
                }
            },
            "not supported",
        ),
        (
            {"SearchExpression": {"Filters": [{"Name": "Metrics.acc", "Operator": "In", "Value": "1"}]}},
            "only supported for text",
        ),
        (
            {
                "SearchExpression": {
                    "NestedFilters": [
                        {"NestedPropertyName": "VpcConfig", "Filters": [{"Name": "VpcConfig.Subnets"}]}
                    ]
                }
            },
            "not a list",
        ),
        (
            {
                "SearchExpression": {
                    "NestedFilters": [
                        {"NestedPropertyName": "InputDataConfig", "Filters": [{"Name": "RoleArn"}]}
                    ]
                }
            },
            "InputDataConfig.<member>",
        ),
        ({"SearchExpression": {"SubExpressions": [{"Filters": [{"Name": "RoleArn"}] * 20}] * 3}}, "50"),
        ({"SearchExpression": {"Filters": [{"Name": "RoleArn"}] * 21}}, "20"),
        ({"SortBy": "InputDataConfig.ChannelName"}, "SortBy"),
        ({"SortBy": "VpcConfig"}, "SortBy"),
        ({"SortBy": "Colour"}, "'Colour'"),
        ({"NextToken": "x"}, "NextToken"),
        ({"Resource": "Colour"}, "Resource|resource"),
        ({"MaxResults": 101}, "100"),
    ],
)
def test_what_makes_no_sense_is_refused(sagemaker: Any, request_: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words) as refused:
        sagemaker.search(**{"Resource": "TrainingJob", **request_})
    assert refused.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.parametrize("name", ["a\ud800", "HyperParameters.\ud800", "Tags.'; DROP TABLE records; --", "."])
def test_odd_names_find_nothing_or_are_refused(sagemaker: Any, name: str) -> None:
    try:
        answer = sagemaker.search(
            Resource="TrainingJob", SearchExpression={"Filters": [{"Name": name, "Value": name}]}
        )
    except ClientError as refused:
        assert refused.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    else:
        assert answer["Results"] == []


def test_a_token_holds_for_its_own_search_only(
    server: Server, sagemaker: Any, docs: dict[str, brute.Doc]
) -> None:
    token = sagemaker.search(Resource="TrainingJob", MaxResults=1)["NextToken"]
    listed = sagemaker.list_training_jobs(MaxResults=1)["NextToken"]
    elsewhere = server.client("sagemaker", region_name="eu-north-2")
    calls: tuple[Callable[[], Any], ...] = (
        lambda: sagemaker.search(Resource="Model", NextToken=token),
        lambda: sagemaker.search(Resource="TrainingJob", SortOrder="Ascending", NextToken=token),
        lambda: sagemaker.search(Resource="TrainingJob", NextToken=token[:-2] + "AA"),
        lambda: sagemaker.search(Resource="TrainingJob", NextToken=listed),
        lambda: sagemaker.list_training_jobs(NextToken=token),
        lambda: elsewhere.search(Resource="TrainingJob", NextToken=token),
    )
    for call in calls:
        with pytest.raises(ClientError, match="NextToken") as refused:
            call()
        assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_only_ones_own_are_searched(server: Server, docs: dict[str, brute.Doc]) -> None:
    elsewhere = server.client("sagemaker", region_name="eu-north-2")
    assert elsewhere.search(Resource="TrainingJob")["Results"] == []
    here = server.client("sagemaker", region_name=REGION)
    shared = here.search(Resource="TrainingJob", CrossAccountFilterOption="CrossAccount")
    assert shared["Results"] == [] and shared["TotalHits"]["Value"] == 0


def test_visibility_conditions_are_tags_that_must_be_there(
    sagemaker: Any, docs: dict[str, brute.Doc]
) -> None:
    names = found(sagemaker, VisibilityConditions=[{"Key": "Tags.team", "Value": "red"}])
    asked = {"Filters": [{"Name": "Tags.team", "Value": "red"}]}
    assert set(names) == {name for name, doc in docs.items() if brute.meets(doc, asked)} != set()


def test_every_resource_type_can_be_searched(sagemaker: Any) -> None:
    types = sagemaker.meta.service_model.shape_for("ResourceType").enum
    for resource in types:
        answer = sagemaker.search(Resource=resource, SearchExpression={"Filters": [{"Name": "CreationTime"}]})
        assert answer["TotalHits"]["Relation"] == "EqualTo"


def test_suggestions_are_names_in_use(sagemaker: Any, docs: dict[str, brute.Doc]) -> None:
    def suggested(**request: Any) -> list[str]:
        answer = sagemaker.get_search_suggestions(Resource="TrainingJob", **request)
        return [one["PropertyName"] for one in answer["PropertyNameSuggestions"]]

    def hinted(hint: str) -> list[str]:
        return suggested(SuggestionQuery={"PropertyNameQuery": {"PropertyNameHint": hint}})

    every = suggested()
    assert {"HyperParameters.eta", "Tags.team", "Metrics.acc"} <= set(every)
    assert hinted("hyperparameters.n") == ["HyperParameters.n.x"]
    assert hinted("Tag") == ["Tags.a.b", "Tags.team"]
    assert hinted("RoleArn") == [] and hinted("Tags.%") == []
