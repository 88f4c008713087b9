"""Expressions and what they stand for; conditions and what they compare."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clary.core.document import Document
from clary.engines.pipelines import conditions
from clary.engines.pipelines.declared import Value
from clary.engines.pipelines.expressions import Json, references, resolve, resolve_members
from clary.engines.pipelines.faults import Unresolved
from clary.engines.pipelines.paths import follow, json_way, reference
from clary.engines.pipelines.sizes import LONGEST, MOST

REPORT: Document = {
    "mse": {"value": 4.5},
    "classes": [{"name": "a"}, {"name": "b"}],
    "odd key": {"x.y": 1},
    "none": None,
}


class Known:
    """A context of what this test knows."""

    def __init__(self, **properties: Document) -> None:
        self._properties = properties

    @property
    def parameters(self) -> Mapping[str, Value]:
        return {"Count": 3, "Rate": 0.5, "Flag": True, "Word": "w", "Metric": "mse"}

    @property
    def execution(self) -> Mapping[str, str]:
        return {"PipelineName": "p", "ExperimentName": "e"}

    def properties(self, step: str) -> Document:
        return self._properties[step]

    def property_file(self, step: str, name: str) -> Json:
        return {"Report": REPORT}[name]

    def json_object(self, uri: str) -> Json:
        return {"s3://b/p/results.json": {"Result": [10, {"k": "v"}]}}[uri]


CONTEXT = Known(
    Train={
        "ModelArtifacts": {"S3ModelArtifacts": "s3://b/m"},
        "FinalMetricDataList": [{"MetricName": "a", "Value": 1.5}, {"MetricName": "b", "Value": 2.5}],
        "CreationTime": datetime(2026, 1, 2, tzinfo=UTC),
        "HyperParameters": {"max.depth": "3"},
    },
    Call={"OutputParameters": {"out": "o", "n": 2.0}},
)


def get(path: str) -> Document:
    return {"Get": path}


def join(on: str, *values: Json) -> Document:
    return {"Std:Join": {"On": on, "Values": list(values)}}


def of_file(path: Json, step: str = "Eval") -> Document:
    return {"Std:JsonGet": {"PropertyFile": get(f"Steps.{step}.PropertyFiles.Report"), "Path": path}}


STANDS_FOR: list[tuple[Json, Json]] = [
    ("text", "text"),
    ({"a": [1, None, {"b": True}]}, {"a": [1, None, {"b": True}]}),
    (get("Parameters.Count"), 3),
    (get("Parameters.Rate"), 0.5),
    (get("Execution.PipelineName"), "p"),
    (get("PipelineExperimentConfig.ExperimentName"), "e"),
    (get("Steps.Train.ModelArtifacts.S3ModelArtifacts"), "s3://b/m"),
    (get("Steps.Train.ModelArtifacts"), {"S3ModelArtifacts": "s3://b/m"}),
    (get("Steps.Train.FinalMetricDataList[1].Value"), 2.5),
    (get("Steps.Train.FinalMetricDataList['b'].Value"), 2.5),
    (get("Steps.Train.HyperParameters['max.depth']"), "3"),
    (get("Steps.Train.CreationTime"), "2026-01-02T00:00:00+00:00"),
    (get('Steps.Call.OutputParameters["out"]'), "o"),
    (join("/", "s3:/", get("Parameters.Word"), get("Parameters.Count")), "s3://w/3"),
    (join(" ", get("Parameters.Flag"), get("Parameters.Rate"), 6.0, False), "true 0.5 6.0 false"),
    (join("", join("-", "a", "b"), "c"), "a-bc"),
    ({"Std:Join": {"Values": ["a", "b"]}}, "ab"),
    (of_file("mse.value"), 4.5),
    (of_file("$.mse.value"), 4.5),
    (of_file("classes[1].name"), "b"),
    (of_file("['odd key']['x.y']"), 1),
    (of_file(join(".", get("Parameters.Metric"), "value")), 4.5),
    ({"Std:JsonGet": {"S3Uri": join("/", "s3://b/p", "results.json"), "Path": "Result[1]['k']"}}, "v"),
    ([{"deep": [get("Parameters.Word")]}], [{"deep": ["w"]}]),
]


@pytest.mark.parametrize(("value", "stands_for"), STANDS_FOR, ids=[str(v)[:60] for v, _ in STANDS_FOR])
def test_an_expression_stands_for_what_the_execution_knows(value: Json, stands_for: Json) -> None:
    assert resolve(value, CONTEXT) == stands_for


LEAD_NOWHERE = [
    (get("Parameters.None"), "Parameters.None cannot be resolved: the execution has no None"),
    (get("Steps.Train.Nothing"), "there is no 'Nothing' among CreationTime, FinalMetricDataList,"),
    (get("Steps.Train.FinalMetricDataList[2].Value"), "the list has 2 elements, none is [2]"),
    (get("Steps.Train.FinalMetricDataList['c'].Value"), "no element of the list has the name 'c'"),
    (get("Steps.Train.CreationTime.Year"), "there is no 'Year' in"),
    (of_file("mse.nothing"), "mse.nothing of Steps.Eval.PropertyFiles.Report cannot be resolved"),
    (of_file("none"), "it is null"),
    (of_file("a..b"), "cannot be read from"),
    (join("/", get("Steps.Train.ModelArtifacts")), "is no text, number or truth value"),
]


@pytest.mark.parametrize(("value", "why"), LEAD_NOWHERE, ids=[str(v)[:60] for v, _ in LEAD_NOWHERE])
def test_a_reference_that_leads_nowhere_says_where_it_ended(value: Json, why: str) -> None:
    with pytest.raises(Unresolved) as refused:
        resolve(value, CONTEXT)
    assert why in str(refused.value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_what_has_no_expression_stands_for_itself(value: Json) -> None:
    if not list(references(value)) and "Std:" not in repr(value) and "'Get'" not in repr(value):
        assert resolve(value, CONTEXT) == value


NAMES = st.text("abcXYZ0-_", min_size=1, max_size=8)
KEYS = st.text("abc.[] ", min_size=1, max_size=6) | st.integers(0, 99)


@given(NAMES, st.lists(KEYS))
def test_a_way_is_read_as_it_is_spelled(step: str, keys: list[str | int]) -> None:
    spelled = "".join(f"[{key}]" if isinstance(key, int) else f"['{key}']" for key in keys)
    assert reference(f"Steps.{step}{spelled}").way == tuple(keys)
    document: object = "end"
    for key in reversed(keys):
        document = {key: document} if isinstance(key, str) else [None] * key + [document]
    assert follow(document, json_way(spelled), "it") == "end"


def condition(kind: str, left: Json, right: Json) -> Document:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


def holds(said: Document) -> bool:
    return conditions.holds(said, lambda value: resolve(value, CONTEXT))


HOLD: list[tuple[Document, bool]] = [
    (condition("Equals", get("Parameters.Count"), 3.0), True),
    (condition("Equals", get("Parameters.Word"), "w"), True),
    (condition("Equals", get("Parameters.Flag"), False), False),
    (condition("GreaterThan", 2, 1.5), True),
    (condition("GreaterThan", 2, 2), False),
    (condition("GreaterThanOrEqualTo", 2, 2), True),
    (condition("LessThan", "a", "b"), True),
    (condition("LessThanOrEqualTo", of_file("mse.value"), 6.0), True),
    (condition("LessThanOrEqualTo", of_file("mse.value"), 4), False),
    ({"Type": "In", "QueryValue": get("Parameters.Word"), "Values": ["x", get("Parameters.Word")]}, True),
    ({"Type": "In", "QueryValue": 1, "Values": ["1", True]}, False),
    ({"Type": "Not", "Condition": condition("Equals", 1, 2)}, True),
    ({"Type": "Or", "Conditions": [condition("Equals", 1, 2), condition("Equals", 1, 1)]}, True),
    ({"Type": "And", "Conditions": [condition("Equals", 1, 2), condition("Equals", 1, 1)]}, False),
    ({"Type": "Or", "Conditions": []}, False),
]


@pytest.mark.parametrize(("said", "answer"), HOLD)
def test_a_condition_holds_or_not(said: Document, answer: bool) -> None:
    assert holds(said) is answer


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (condition("Equals", "3", 3), "'3' (String) and 3 (Number) do not compare"),
        (condition("LessThan", True, False), "truth values have no order"),
        (
            condition("Equals", get("Steps.Train.ModelArtifacts"), "x"),
            "compares texts, numbers and",
        ),
    ],
)
def test_what_cannot_be_compared_says_why(said: Document, why: str) -> None:
    with pytest.raises(Unresolved) as refused:
        holds(said)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (float("nan"), "nan is no number of JSON"),
        ([1.0, {"x": float("inf")}], "inf is no number of JSON"),
        ("\ud83d", "half of a surrogate pair"),
        ({"\ud83d": 1}, "half of a surrogate pair"),
        ("x" * (LONGEST + 1), "longer than 1 MiB"),
        ([[]] * (LONGEST + 1), "longer than 1 MiB"),
    ],
)
def test_what_cannot_be_kept_is_said_of_what_named_it(value: Json, why: str) -> None:
    path = "Steps.Call.OutputParameters['out']"
    known = Known(Call={"OutputParameters": {"out": value}})
    for said in (get(path), {"a": [get(path)]}):
        with pytest.raises(Unresolved) as refused:
            resolve(said, known)
        assert refused.value.reference == path
        assert why in refused.value.why


def test_what_is_joined_and_all_that_a_step_is_told_have_an_end() -> None:
    half = "x" * (LONGEST // 2)
    known = Known(Call={"OutputParameters": {"out": half}})
    out = get("Steps.Call.OutputParameters['out']")
    assert resolve(join("", out, out), known) == half * 2
    with pytest.raises(Unresolved, match="what it joins is longer than 1 MiB"):
        resolve(join("-", out, out), known)
    many = {str(number): out for number in range(2 * MOST // LONGEST)}
    assert resolve_members(many, known) == dict.fromkeys(many, half)
    for told in ({**many, "more": get("Parameters.Count")}, {"nested": join("", *[join("", out)] * 9)}):
        with pytest.raises(Unresolved, match="longer than"):
            resolve_members(told, known)


NUMBERS = st.integers(-5, 5) | st.floats(-5, 5)


@given(NUMBERS, NUMBERS)
def test_orders_agree_with_each_other(left: float, right: float) -> None:
    told = {kind: holds(condition(kind, left, right)) for kind in (*conditions.ORDERED, "Equals")}
    assert told["GreaterThan"] is not told["LessThanOrEqualTo"]
    assert told["LessThan"] is not told["GreaterThanOrEqualTo"]
    assert told["Equals"] is (told["LessThanOrEqualTo"] and told["GreaterThanOrEqualTo"])
