"""The documented likelihoods: what the network's last layer means, how wrong it is, what it may draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import distributions
from torch.nn import functional

Tensor = Any
TINY = float(torch.finfo(torch.float32).eps)
FLAT = -30.0
"""The bias that makes the width of a Laplace distribution nothing."""


class Likelihood(NamedTuple):
    """A distribution by its parameters, in the order and under the name that GluonTS has for them.

    `scaled` says whether values are divided by their series' scale."""

    heads: tuple[str, ...]
    gluonts: str
    scaled: bool
    domain: Callable[..., tuple[Tensor, ...]]
    made: Callable[..., Any] | None
    nothing: float = 0.0
    """What a missing value is taken for."""

    def loss(self, raw: list[Tensor], target: Tensor, scale: Tensor) -> Tensor:
        """Return how wrong the parameters are, for every value."""
        found = self.domain(*raw)
        if self.made is None:
            return (target / scale - found[0]).abs()
        if self is NEGATIVE_BINOMIAL:
            return -self.made(*_counted(found, scale)).log_prob(target)
        return scale.log() - self.made(*found).log_prob(target / scale)

    def sample(self, raw: list[Tensor], scale: Tensor) -> Tensor:
        """Draw one value for each set of parameters."""
        found = self.domain(*raw)
        if self.made is None:
            return found[0] * scale
        if self is NEGATIVE_BINOMIAL:
            return self.made(*_counted(found, scale)).sample()
        return self.made(*found).sample() * scale


def _counted(found: tuple[Tensor, ...], scale: Tensor) -> tuple[Tensor, Tensor]:
    return found[0], found[1] + scale.log()


def _positive(raw: Tensor) -> Tensor:
    return functional.softplus(raw).clamp_min(TINY)


def _student(df: Tensor, loc: Tensor, scale: Tensor) -> Any:
    return distributions.StudentT(df, loc, scale, validate_args=False)


def _normal(loc: Tensor, scale: Tensor) -> Any:
    return distributions.Normal(loc, scale, validate_args=False)


def _beta(one: Tensor, zero: Tensor) -> Any:
    return distributions.Beta(one, zero, validate_args=False)


def _negative_binomial(count: Tensor, logits: Tensor) -> Any:
    return distributions.NegativeBinomial(count, logits=logits, validate_args=False)


STUDENT = Likelihood(
    ("df", "loc", "scale"),
    "studentT.StudentTOutput",
    True,
    lambda df, loc, scale: (2 + functional.softplus(df), loc, _positive(scale)),
    _student,
)
GAUSSIAN = Likelihood(
    ("loc", "scale"),
    "distribution_output.NormalOutput",
    True,
    lambda loc, scale: (loc, _positive(scale)),
    _normal,
)
BETA = Likelihood(
    ("concentration1", "concentration0"),
    "distribution_output.BetaOutput",
    False,
    lambda one, zero: (functional.softplus(one) + TINY, functional.softplus(zero) + TINY),
    _beta,
    0.5,
)
NEGATIVE_BINOMIAL = Likelihood(
    ("total_count", "logits"),
    "negative_binomial.NegativeBinomialOutput",
    True,
    lambda count, logits: (_positive(count), logits),
    _negative_binomial,
)
POINT = Likelihood(
    ("loc", "scale"), "distribution_output.LaplaceOutput", True, lambda loc, scale: (loc, scale), None
)
LIKELIHOODS = {
    "student-T": STUDENT,
    "gaussian": GAUSSIAN,
    "beta": BETA,
    "negative-binomial": NEGATIVE_BINOMIAL,
    "deterministic-L1": POINT,
}
