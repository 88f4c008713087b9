"""One caller's policies, kept by action: of fifty statements only a few speak of what is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from clary.engines.policy import Policies, Policy
from clary.engines.policy.document import Statement
from clary.engines.policy.evaluate import keys_of, narrowed
from clary.operations.iam.grants import Grants
from clary.operations.permissions.table import names

_TAGS = ("resourcetag/", "existingobjecttag/")


@dataclass(frozen=True)
class Spoken:
    """What a caller's policies say of one action.

    `steady` says that decisions depend on nothing but the resource, `asks` that they may depend on what the
    resource's record knows.
    """

    policies: Policies
    steady: bool
    asks: bool


@dataclass(frozen=True)
class Known:
    """One caller's policies."""

    grants: Grants
    session: tuple[Policy, ...] | None
    spoken: dict[str, Spoken] = field(default_factory=dict)

    def about(self, action: str) -> Spoken:
        """Return what they say of one action."""
        found = self.spoken.get(action)
        if found is None:
            every = Policies(
                identity=self.grants.identity, boundary=self.grants.boundary, session=self.session
            )
            policies = narrowed(every, action)
            statements = list(_statements(policies))
            found = self.spoken[action] = Spoken(
                policies=policies,
                steady=all(map(steady, statements)),
                asks=any(_of_record(key) for statement in statements for key in keys_of(statement)),
            )
        return found


def steady(statement: Statement) -> bool:
    """Say whether a statement asks about nothing but action and resource."""
    patterns = statement.resources or ()
    return not statement.conditions and all(pattern.test is not None for pattern in patterns)


def asks(policies: Sequence[Policy]) -> bool:
    """Say whether policies may ask about what a record knows."""
    statements = (statement for policy in policies for statement in policy.statements)
    return any(_of_record(key) for statement in statements for key in keys_of(statement))


def _statements(policies: Policies) -> Iterator[Statement]:
    every = (*policies.identity, *(policies.boundary or ()), *(policies.session or ()))
    return (statement for policy in every for statement in policy.statements)


def _of_record(key: str) -> bool:
    return any(name in key for name in _TAGS) or any(key.startswith(known) for known in _state())


def _state() -> tuple[str, ...]:
    return tuple(key.partition("${")[0].lower() for key in names()["state"])
