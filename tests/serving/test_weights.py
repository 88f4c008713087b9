"""What part of the calls each variant gets, and during an update each fleet of a variant that is named."""

from __future__ import annotations

import math

import pytest

from clary.serving.endpoints import Choice, Variant
from clary.serving.tally import Tally

CALLS = 10_000
SIGMAS = 6  # chance exceeds that once in 500 million runs; 3 of them it exceeds once in 370


@pytest.mark.parametrize(("weights", "part"), [((9.0, 1.0), 0.1), ((0.5, 1.5), 0.75), ((0.0, 0.0), 0.5)])
def test_ten_thousand_calls_follow_the_weights(weights: tuple[float, float], part: float) -> None:
    first, second = (Variant(name, weight, Tally(), None) for name, weight in zip("ab", weights, strict=True))
    choice = Choice([first, second])
    count = sum(choice.draw() is second for _ in range(CALLS))
    assert abs(count - CALLS * part) < SIGMAS * math.sqrt(CALLS * part * (1 - part))


def test_a_variant_of_weight_0_is_asked_only_by_name_and_then_by_the_fleets_shares() -> None:
    old, new = (Variant("quiet", 0.0, Tally(), None, share) for share in (0.9, 0.1))
    loud = Variant("loud", 1.0, Tally(), None)
    whole, named = Choice([old, new, loud]), Choice([old, new], [each.share for each in (old, new)])
    assert {whole.draw().name for _ in range(CALLS)} == {"loud"}
    count = sum(named.draw() is new for _ in range(CALLS))
    assert abs(count - CALLS * 0.1) < SIGMAS * math.sqrt(CALLS * 0.1 * 0.9)
