"""DeepAR's hyperparameters, checked before any data is read.

How they compare with AWS's: evidence/deepar.md.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from toolkit.algorithm.hyperparameters import Settings, check, declare
from toolkit.contract import Json
from toolkit.failure import UserError

from forecasting_deepar import frequency
from forecasting_deepar.frequency import Frequency

DECLARED = declare("""
context_length           integer  [1, inf)  required
epochs                   integer  [1, inf)  required
prediction_length        integer  [1, inf)  required
time_freq                text     -         required
cardinality              text     -         auto
dropout_rate             number   [0, 1)    0.1
early_stopping_patience  text     -         -
embedding_dimension      integer  [1, inf)  10
learning_rate            number   (0, inf)  0.001
likelihood               choice   gaussian beta negative-binomial student-T deterministic-L1  student-T
mini_batch_size          integer  [1, inf)  128
num_cells                integer  [1, inf)  40
num_dynamic_feat         text     -         auto
num_eval_samples         integer  [1, inf)  100
num_layers               integer  [1, inf)  2
test_quantiles           text     -         [0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9]
""")
SPELLED = {name.lower(): name for name in DECLARED["likelihood"].domain.split()}
IGNORED = ("ignore", "")


class Chosen(NamedTuple):
    """What a job chose. Of `cardinality` and `dynamic` None means as the data has them."""

    settings: Settings
    frequency: Frequency
    likelihood: str
    patience: int | None
    cardinality: list[int] | None
    dynamic: int | None
    quantiles: list[float]


def read(given: dict[str, Json]) -> Chosen:
    """Check every hyperparameter."""
    told = dict(given)
    if isinstance(told.get("likelihood"), str):
        told["likelihood"] = SPELLED.get(str(told["likelihood"]).lower(), told["likelihood"])
    settings = check(told, DECLARED)
    return Chosen(
        settings,
        _frequency(str(given["time_freq"])),
        settings.text("likelihood"),
        _patience(given.get("early_stopping_patience")),
        _cardinality(given.get("cardinality", "auto")),
        _dynamic(given.get("num_dynamic_feat", "auto")),
        _quantiles(given.get("test_quantiles", DECLARED["test_quantiles"].default)),
    )


def _frequency(written: str) -> Frequency:
    found = frequency.parse(written)
    if found is None:
        raise _invalid("time_freq", written, "an integer followed by M, W, D, H or min, for example 5min")
    return found


def _patience(value: Json) -> int | None:
    if value is None or value == "":
        return None
    return _positive("early_stopping_patience", value, "a positive integer or an empty text")


def _cardinality(value: Json) -> list[int] | None:
    if value == "auto":
        return None
    if value in IGNORED:
        return []
    expected = "'auto', 'ignore' or a list of positive integers, for example [2, 3]"
    found = _list("cardinality", value, expected)
    return [_positive("cardinality", one, expected) for one in found]


def _dynamic(value: Json) -> int | None:
    if value == "auto":
        return None
    if value in IGNORED:
        return 0
    return _positive("num_dynamic_feat", value, "'auto', 'ignore' or a positive integer")


def _quantiles(value: Json) -> list[float]:
    expected = "a list of numbers between 0 and 1"
    try:
        found = [float(str(one)) for one in _list("test_quantiles", value, expected)]
    except ValueError:
        found = []
    if not found or not all(0 < one < 1 for one in found):
        raise _invalid("test_quantiles", value, expected)
    return found


def _list(name: str, value: Json, expected: str) -> list[Json]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise _invalid(name, value, expected) from None
    if not isinstance(value, list):
        raise _invalid(name, value, expected)
    return value


def _positive(name: str, value: Json, expected: str) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not text.isdecimal() or int(text) < 1:
        raise _invalid(name, value, expected)
    return int(text)


def _invalid(name: str, value: object, expected: str) -> UserError:
    return UserError(
        f"The value {value!r} is not valid for the {name!r} hyperparameter which expects {expected}."
    )
