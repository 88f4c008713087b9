"""The decision: every policy that applies to a request, in the order IAM documents.

An explicit deny anywhere wins. Then a resource policy may allow by itself (within one account), else the
identity policies, the permissions boundary and the session policies must each allow. See
docs/evidence/iam-evaluation.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from clary.engines.policy.document import Policy, Statement
from clary.engines.policy.pattern import Context, Variable
from clary.engines.policy.principals import Caller, Reach, reach

Outcome = Literal["allowed", "explicitDeny", "implicitDeny"]
Layer = Literal[
    "identity-based policy", "resource-based policy", "permissions boundary", "session policy", "trust policy"
]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One action on one resource by one caller; context keys are in lower case."""

    action: str
    resource: str
    caller: Caller = field(default_factory=Caller)
    context: Context = field(default_factory=dict)


@dataclass(frozen=True)
class Match:
    """A statement that decided, and where it stands."""

    layer: Layer
    policy: Policy
    statement: Statement


@dataclass(frozen=True)
class Decision:
    """The outcome, the statements behind it, and the layer that refused."""

    outcome: Outcome
    matched: tuple[Match, ...] = ()
    layer: Layer = "identity-based policy"

    @property
    def allowed(self) -> bool:
        """Say whether the request may go on."""
        return self.outcome == "allowed"


@dataclass(frozen=True, kw_only=True)
class Policies:
    """All policies that apply. None means that a layer does not exist, an empty one that it grants nothing.

    `foreign` says that another account owns the resource, `trust` that the resource policies are a role's
    trust policy. In both cases the resource's side must itself allow. `about` names the only action that they
    were narrowed to.
    """

    identity: Sequence[Policy] = ()
    resource: Sequence[Policy] = ()
    boundary: Sequence[Policy] | None = None
    session: Sequence[Policy] | None = None
    foreign: bool = False
    trust: bool = False
    about: str = ""


def evaluate(policies: Policies, request: Request) -> Decision:
    """Decide one request."""
    on_resource: Layer = "trust policy" if policies.trust else "resource-based policy"
    layers: tuple[tuple[Layer, Sequence[Policy]], ...] = (
        ("identity-based policy", policies.identity),
        (on_resource, policies.resource),
        ("permissions boundary", policies.boundary or ()),
        ("session policy", policies.session or ()),
    )
    test = _meets if policies.about == request.action else applies
    hits = {layer: _hits(layer, found, request, test) for layer, found in layers}
    denies = [hit for found in hits.values() for hit in found if hit.statement.effect == "Deny"]
    if denies:
        return Decision("explicitDeny", tuple(denies), denies[0].layer)
    refusal = _refusal(policies, request, hits, on_resource)
    if refusal:
        return Decision("implicitDeny", (), refusal)
    return Decision("allowed", tuple(hit for found in hits.values() for hit in found))


def _refusal(
    policies: Policies, request: Request, hits: dict[Layer, list[Match]], on_resource: Layer
) -> Layer | None:
    """Name the layer that is missing an allow, or None when the request may go on."""
    found: set[Reach] = {reach(hit.statement, request.caller) for hit in hits[on_resource]}
    bounded = policies.boundary is None or bool(hits["permissions boundary"])
    narrowed = policies.session is None or bool(hits["session policy"])
    if (policies.foreign or policies.trust) and not found:
        return on_resource
    if not policies.foreign:
        if "direct" in found:  # a user or a session named itself needs nothing else within its account
            return None
        if "role" in found:  # a role named is still held by its session's and its boundary's limits
            return _limits(bounded, narrowed)
    if not hits["identity-based policy"]:
        return "identity-based policy"
    return _limits(bounded, narrowed)


def _limits(bounded: bool, narrowed: bool) -> Layer | None:
    if not bounded:
        return "permissions boundary"
    return None if narrowed else "session policy"


def _hits(
    layer: Layer, policies: Sequence[Policy], request: Request, test: Callable[[Statement, Request], bool]
) -> list[Match]:
    return [
        Match(layer, policy, statement)
        for policy in policies
        for statement in policy.statements
        if test(statement, request)
    ]


def speaks_of(statement: Statement, action: str) -> bool:
    """Say whether a statement is about an action."""
    action = action.casefold()
    return any(pattern.matches(action, {}) for pattern in statement.actions) != statement.other_actions


def keys_of(statement: Statement) -> list[str]:
    """Name the condition keys a statement asks about, in its conditions and in its variables."""
    patterns = [*(statement.resources or ()), *(p for c in statement.conditions for p in c.values)]
    variables = [piece.key for pattern in patterns for piece in pattern.pieces if isinstance(piece, Variable)]
    return [condition.key for condition in statement.conditions] + variables


def narrowed(policies: Policies, action: str) -> Policies:
    """Return only what speaks of one action: decisions about it come out the same, and sooner."""

    def kept(layer: Sequence[Policy]) -> tuple[Policy, ...]:
        found = (replace(p, statements=tuple(s for s in p.statements if speaks_of(s, action))) for p in layer)
        return tuple(policy for policy in found if policy.statements)

    return replace(
        policies,
        identity=kept(policies.identity),
        resource=kept(policies.resource),
        boundary=None if policies.boundary is None else kept(policies.boundary),
        session=None if policies.session is None else kept(policies.session),
        about=action,
    )


def applies(statement: Statement, request: Request) -> bool:
    """Say whether a statement speaks of the request at all, whatever its effect."""
    return speaks_of(statement, request.action) and _meets(statement, request)


def _meets(statement: Statement, request: Request) -> bool:
    """Say whether a statement that is about the request's action speaks of the rest of it too."""
    context = request.context
    if statement.resources is not None:
        on, resource = statement.on, request.resource
        fits = statement.fits(resource, context) if on is None else on(resource)
        if fits == statement.other_resources:
            return False
    if statement.principals is not None and reach(statement, request.caller) == "none":
        return False
    if statement.conditions:
        deny = statement.effect == "Deny"
        for condition in statement.conditions:
            if not condition.check(context, deny):
                return False
    return True
