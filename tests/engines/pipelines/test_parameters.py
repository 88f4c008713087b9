"""Parameters of an execution: typed, defaulted, and none that is not declared."""

from __future__ import annotations

import json

import pytest

from clary.engines.pipelines import definition, parameters
from clary.engines.pipelines.declared import Value
from clary.engines.pipelines.faults import ParameterFault

PIPELINE = definition.parse(
    json.dumps(
        {
            "Steps": [],
            "Parameters": [
                {"Name": "Count", "Type": "Integer", "DefaultValue": 3},
                {"Name": "Rate", "Type": "Float", "DefaultValue": 1},
                {"Name": "Flag", "Type": "Boolean", "DefaultValue": False},
                {"Name": "Word", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "b"]},
                {"Name": "Need", "Type": "String"},
            ],
        }
    )
)


def test_what_is_given_is_read_in_its_type_and_the_rest_has_its_default() -> None:
    given = {"Need": "12", "Count": "-4", "Flag": "True", "Rate": "1e-3", "Word": "b"}
    assert parameters.values(PIPELINE, given) == {
        "Count": -4,
        "Rate": 0.001,
        "Flag": True,
        "Word": "b",
        "Need": "12",
    }
    defaults = parameters.values(PIPELINE, {"Need": ""})
    assert defaults == {"Count": 3, "Rate": 1.0, "Flag": False, "Word": "a", "Need": ""}
    assert isinstance(defaults["Rate"], float)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Give a value for Need"),
        ({"Need": "x", "Other": "y"}, "has no parameter 'Other'; it has Count, Flag, Need, Rate, Word"),
        ({"Need": "x", "Count": "1.5"}, "'Count' is '1.5'; it must be of type Integer"),
        ({"Need": "x", "Count": "٣"}, "must be of type Integer"),
        ({"Need": "x", "Rate": "fast"}, "must be of type Float"),
        ({"Need": "x", "Rate": "nan"}, "must be of type Float"),
        ({"Need": "x", "Rate": "1e999"}, "must be of type Float"),
        ({"Need": "x", "Flag": "yes"}, "must be of type Boolean"),
        ({"Need": "x", "Word": "c"}, "'Word' is 'c'; it must be one of a, b"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, str], said: str) -> None:
    with pytest.raises(ParameterFault) as refused:
        parameters.values(PIPELINE, given)
    assert said in str(refused.value)


@pytest.mark.parametrize(("value", "shown"), [(True, "true"), (3, "3"), (6.0, "6.0"), ("a b", "a b")])
def test_a_value_is_shown_as_json_says_it_and_a_text_as_it_is(value: Value, shown: str) -> None:
    assert parameters.text(value) == shown
