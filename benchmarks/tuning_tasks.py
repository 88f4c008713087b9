"""Ten known functions of hyperparameters, to measure searches by. Other environments run it too."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

TRIALS = 30


class Task(NamedTuple):
    """A function to make small over ranges as CreateHyperParameterTuningJob takes them."""

    ranges: Mapping[str, list[dict[str, Any]]]
    cost: Callable[[Mapping[str, str]], float]


def _continuous(**ranges: tuple[float, float] | tuple[float, float, str]) -> list[dict[str, Any]]:
    return [
        {
            "Name": name,
            "MinValue": str(given[0]),
            "MaxValue": str(given[1]),
            "ScalingType": given[2] if len(given) > 2 else "Linear",
        }
        for name, given in ranges.items()
    ]


def _numbers(tuned: Mapping[str, str]) -> list[float]:
    return [float(tuned[name]) for name in sorted(tuned)]


def branin(tuned: Mapping[str, str]) -> float:
    x, y = _numbers(tuned)
    return (
        (y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6) ** 2
        + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x)
        + 10
    )


_ALPHA = (1.0, 1.2, 3.0, 3.2)
_A3 = ((3, 10, 30), (0.1, 10, 35), (3, 10, 30), (0.1, 10, 35))
_P3 = ((3689, 1170, 2673), (4699, 4387, 7470), (1091, 8732, 5547), (381, 5743, 8828))
_A6 = (
    (10, 3, 17, 3.5, 1.7, 8), (0.05, 10, 17, 0.1, 8, 14), (3, 3.5, 1.7, 10, 17, 8),
    (17, 8, 0.05, 10, 0.1, 14),
)  # fmt: skip
_P6 = (
    (1312, 1696, 5569, 124, 8283, 5886), (2329, 4135, 8307, 3736, 1004, 9991),
    (2348, 1451, 3522, 2883, 3047, 6650), (4047, 8828, 8732, 5743, 1091, 381),
)  # fmt: skip


def _hartmann(x: list[float], a: Any, p: Any) -> float:
    inner = (
        sum(w * (xi - pi / 1e4) ** 2 for w, xi, pi in zip(row, x, peak, strict=True))
        for row, peak in zip(a, p, strict=True)
    )
    return -sum(alpha * math.exp(-each) for alpha, each in zip(_ALPHA, inner, strict=True))


def hartmann3(tuned: Mapping[str, str]) -> float:
    return _hartmann(_numbers(tuned), _A3, _P3)


def hartmann6(tuned: Mapping[str, str]) -> float:
    return _hartmann(_numbers(tuned), _A6, _P6)


def rosenbrock(tuned: Mapping[str, str]) -> float:
    x = _numbers(tuned)
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in pairwise(x))


def ackley(tuned: Mapping[str, str]) -> float:
    x = [each - 1.3 for each in _numbers(tuned)]
    square = math.sqrt(sum(each * each for each in x) / len(x))
    waves = sum(math.cos(2 * math.pi * each) for each in x) / len(x)
    return -20 * math.exp(-0.2 * square) - math.exp(waves) + 20 + math.e


def levy(tuned: Mapping[str, str]) -> float:
    w = [1 + (each - 1) / 4 for each in _numbers(tuned)]
    total = math.sin(math.pi * w[0]) ** 2
    total += sum((a - 1) ** 2 * (1 + 10 * math.sin(math.pi * a + 1) ** 2) for a in w[:-1])
    return total + (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2)


def styblinski(tuned: Mapping[str, str]) -> float:
    return sum(x**4 - 16 * x * x + 5 * x for x in _numbers(tuned)) / 2


def learning(tuned: Mapping[str, str]) -> float:
    """The loss of a network: a valley in the learning rate that moves with the batch size, and weak decay."""
    rate, decay = math.log10(float(tuned["rate"])), math.log10(float(tuned["decay"]))
    batch = math.log2(int(tuned["batch"]))
    off = rate + 2.6 - 0.25 * (batch - 6)
    loss = 0.25 + 0.08 * off * off + (0.5 if off > 1.1 else 0.0) + 0.01 * (decay + 4) ** 2
    return loss + 0.03 * (1 - math.exp(-(1 - float(tuned["momentum"])) * 8))


def boosting(tuned: Mapping[str, str]) -> float:
    """The error of boosted trees: rounds make up for a small step, depth overfits."""
    eta, depth, rounds = float(tuned["eta"]), int(tuned["depth"]), int(tuned["rounds"])
    reached: float = 1 - math.exp(-eta * rounds * depth / 60)
    overfit: float = (
        0.004 * max(0.0, depth - 6.0) ** 1.5
        + 0.05 * max(0.0, eta - 0.2)
        + 0.03 * max(0.0, eta * rounds / 40 - 1)
    )
    sampled = 0.05 * (float(tuned["subsample"]) - 0.75) ** 2
    booster = {"gbtree": 0.0, "dart": 0.01, "gblinear": 0.08}[tuned["booster"]]
    return 0.32 - 0.22 * reached + overfit + sampled + booster


def kernels(tuned: Mapping[str, str]) -> float:
    """The error of a support vector machine: each kernel has a valley of its own in C and gamma."""
    c, gamma = math.log10(float(tuned["c"])), math.log10(float(tuned["gamma"]))
    at = {
        "rbf": (1.2, -2.1, 0.05),
        "poly": (0.2, -1.0, 0.09),
        "sigmoid": (-0.5, -2.8, 0.12),
        "linear": (0.0, 0.0, 0.11),
    }
    x, y, floor = at[tuned["kernel"]]
    ridge = 0.6 * (c - x + 0.7 * (gamma - y)) ** 2 + 0.15 * (gamma - y) ** 2
    return floor + 0.4 * (1 - math.exp(-(0.2 * (c - x) ** 2 if tuned["kernel"] == "linear" else ridge)))


_MANY = {f"x{axis}": (-5.0, 5.0) for axis in range(4)}
_NEAR = {f"x{axis}": (-2.0, 2.0) for axis in range(4)}
_SIX = {f"x{axis}": (0.0, 1.0) for axis in range(6)}
TASKS: Mapping[str, Task] = {
    "branin": Task({"ContinuousParameterRanges": _continuous(x=(-5, 10), y=(0, 15))}, branin),
    "hartmann3": Task({"ContinuousParameterRanges": _continuous(a=(0, 1), b=(0, 1), c=(0, 1))}, hartmann3),
    "hartmann6": Task({"ContinuousParameterRanges": _continuous(**_SIX)}, hartmann6),
    "rosenbrock4": Task({"ContinuousParameterRanges": _continuous(**_NEAR)}, rosenbrock),
    "ackley4": Task({"ContinuousParameterRanges": _continuous(**_MANY)}, ackley),
    "levy4": Task({"ContinuousParameterRanges": _continuous(**_MANY)}, levy),
    "styblinski4": Task({"ContinuousParameterRanges": _continuous(**_MANY)}, styblinski),
    "learning": Task(
        {
            "ContinuousParameterRanges": _continuous(
                rate=(1e-5, 1, "Logarithmic"), decay=(1e-7, 1e-1, "Logarithmic"),
                momentum=(0.5, 0.999, "ReverseLogarithmic"),
            ),
            "IntegerParameterRanges": _continuous(batch=(8, 512, "Logarithmic")),
        },
        learning,
    ),
    "boosting": Task(
        {
            "ContinuousParameterRanges": _continuous(eta=(0.01, 0.5, "Logarithmic"), subsample=(0.3, 1.0)),
            "IntegerParameterRanges": _continuous(depth=(1, 15), rounds=(10, 500, "Logarithmic")),
            "CategoricalParameterRanges": [{"Name": "booster", "Values": ["gbtree", "gblinear", "dart"]}],
        },
        boosting,
    ),
    "kernels": Task(
        {
            "ContinuousParameterRanges": _continuous(
                c=(1e-3, 1e3, "Logarithmic"), gamma=(1e-5, 10, "Logarithmic")
            ),
            "CategoricalParameterRanges": [
                {"Name": "kernel", "Values": ["rbf", "poly", "sigmoid", "linear"]}
            ],
        },
        kernels,
    ),
}  # fmt: skip
