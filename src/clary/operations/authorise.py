"""May this caller do this? Every call passes here once, before its operation runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from clary.core.arn import parse as parse_arn
from clary.core.clock import Clock
from clary.core.errors import AccessDenied
from clary.core.principal import Principal
from clary.engines.policy import Caller, Decision, Policies, Policy, Request, evaluate, parse
from clary.engines.policy.document import Statement
from clary.engines.policy.evaluate import keys_of, speaks_of
from clary.engines.policy.pattern import Context
from clary.operations.iam.grants import GRANTING, Grants, grants, managed
from clary.operations.permissions import iam, s3
from clary.operations.permissions.context import of_caller, of_request, of_tags, tags_of
from clary.operations.permissions.need import Need
from clary.operations.permissions.needs import needs as needed
from clary.operations.registry import Call
from clary.store.credentials import Generation
from clary.store.records import Records

BucketPolicy = Callable[[str], tuple[str, str | None] | None]
"""Tells a bucket's owner and policy text; None for a bucket that is not there."""

_REMEMBERED = 10_000  # Decisions kept between two writes to IAM.
_NOTHING: Context = {}
_NO_MFA = "The security token included in the request is invalid: GetSessionToken without MFA is not for IAM."


@dataclass(frozen=True)
class Known:
    """One caller's policies."""

    grants: Grants
    session: tuple[Policy, ...] | None

    def steady(self, action: str) -> bool:
        """Say whether decisions about an action depend on nothing but the resource."""
        return all(_steady(statement) for statement in self._about(action))

    def asks_for_tags(self, action: str) -> bool:
        """Say whether a decision about an action may depend on the resource's tags."""
        return any("resourcetag/" in key for statement in self._about(action) for key in keys_of(statement))

    def _about(self, action: str) -> Iterator[Statement]:
        every = (*self.grants.identity, *(self.grants.boundary or ()), *(self.session or ()))
        return (s for policy in every for s in policy.statements if speaks_of(s, action))


@dataclass
class Memory:
    """What was found out under one generation of the stored policies; never carried over to the next."""

    generation: int
    known: dict[tuple[str, tuple[str, ...]], Known] = field(default_factory=dict)
    decided: dict[tuple[str, str, tuple[str, ...], str, str], bool] = field(default_factory=dict)
    steady: dict[tuple[str, tuple[str, ...], str], bool] = field(default_factory=dict)


class Authoriser:
    """Decides calls by the stored policies; what it remembers is dropped as soon as any of them changes."""

    def __init__(
        self, records: Records, changes: Generation, clock: Clock, bucket_policy: BucketPolicy | None = None
    ) -> None:
        self._records = records
        self._changes = changes
        self._clock = clock
        self._bucket_policy = bucket_policy
        self._memory = Memory(-1)

    def check(self, call: Call, context: Context = _NOTHING) -> list[Need]:
        """Return the permissions a call needs, or raise AccessDenied when the caller lacks one.

        `context` adds what only the gateway knows: `aws:sourceip`, `aws:securetransport`, `aws:useragent`.
        """
        if (call.service, call.operation) in iam.FREE:
            return []
        if call.service == "iam" and call.principal.kind == "user" and call.principal.temporary:
            raise AccessDenied(_NO_MFA, code="InvalidClientTokenId")
        wanted = needs(call)
        common = {
            **of_caller(call.principal, self._clock.now()),
            **of_request(call.request, call.region),
            **context,
        }
        for need in wanted:
            decision = self.decide(call.principal, need, {**common, **need.context})
            if not decision.allowed:
                raise denied(call, need, decision)
        return wanted

    def allowed(self, principal: Principal, action: str, resource: str, context: Context = _NOTHING) -> bool:
        """Say whether a caller may do one thing. Costs microseconds when it was asked before."""
        memory = self._current()
        known = self._policies(memory, principal)
        key = (principal.grants, principal.arn, principal.session_policies, action, resource)
        if key in memory.decided:
            return memory.decided[key]
        common = of_caller(principal, self._clock.now())
        outcome = self._decide(known, principal, Need(action, resource), {**common, **context}).allowed
        if not action.startswith("s3:") and known.steady(action):  # a bucket's policy may ask about anything
            if len(memory.decided) >= _REMEMBERED:
                memory.decided.clear()
            memory.decided[key] = outcome
        return outcome

    def plainly(self, principal: Principal, action: str, resource: str) -> bool:
        """Say that a caller's own policies allow one thing whatever its circumstances; False says nothing."""
        memory = self._current()
        known = self._policies(memory, principal)
        steady = (principal.grants, principal.session_policies, action)
        if steady not in memory.steady:
            memory.steady[steady] = known.steady(action)
        if not memory.steady[steady]:
            return False
        policies = Policies(
            identity=known.grants.identity, boundary=known.grants.boundary, session=known.session
        )
        asked = Request(action=action, resource=resource, caller=caller_of(principal), context=_NOTHING)
        return evaluate(policies, asked).allowed

    def decide(self, principal: Principal, need: Need, context: Context) -> Decision:
        """Evaluate one need under every policy that applies."""
        return self._decide(self._policies(self._current(), principal), principal, need, context)

    def _decide(self, known: Known, principal: Principal, need: Need, context: Context) -> Decision:
        on_resource, owner = self._on_resource(need)
        tags = self._resource_tags(need, known)
        policies = Policies(
            identity=known.grants.identity,
            boundary=known.grants.boundary,
            session=known.session,
            resource=on_resource,
            foreign=owner is not None and owner != principal.account,
        )
        caller = caller_of(principal)
        request = Request(
            action=need.action, resource=need.resource, caller=caller, context={**context, **tags}
        )
        return evaluate(policies, request)

    def _current(self) -> Memory:
        generation = self._changes.generation(*GRANTING)
        memory = self._memory
        if generation != memory.generation:
            memory = self._memory = Memory(generation)
        return memory

    def _policies(self, memory: Memory, principal: Principal) -> Known:
        key = (principal.grants, principal.session_policies)
        known = memory.known.get(key)
        if known is None:
            found = grants(self._records, principal.grants) or Grants()
            session = session_policies(self._records, principal)
            known = memory.known[key] = Known(found, session)
        return known

    def _on_resource(self, need: Need) -> tuple[tuple[Policy, ...], str | None]:
        """Return the resource's own policies, and its owner where that may be another account."""
        if need.action == "s3:CreateBucket":  # whose the name is already, is for the operation to say
            return (), None
        if need.action.startswith("s3:") and self._bucket_policy is not None and need.resource != "*":
            found = self._bucket_policy(s3.bucket_of(need.resource))
            if found is None:
                return (), None
            owner, text = found
            return (() if text is None else (parse(text, "resource", source="resource"),)), owner
        parsed = parse_arn(need.resource)
        return (), parsed.account if parsed is not None and parsed.account.isdigit() else None

    def _resource_tags(self, need: Need, known: Known) -> Mapping[str, tuple[str, ...]]:
        """Look the resource's tags up when a policy of the caller asks for them."""
        if need.action.startswith("s3:") or need.resource == "*" or not known.asks_for_tags(need.action):
            return {}
        record = self._records.by_arn(need.resource)
        tags = tags_of(record.doc.get("Tags")) if record is not None else {}
        service = need.action.partition(":")[0]
        return {**of_tags("aws:resourcetag", tags), **of_tags(f"{service}:resourcetag", tags)}


def needs(call: Call) -> list[Need]:
    """Return every permission a call needs."""
    return needed(call.service, call.operation, call.request, call.principal, call.records)


def denied(call: Call, need: Need, decision: Decision) -> AccessDenied:
    """Return the refusal of a call, with its service's error code."""
    code = "AccessDenied" if call.service in ("s3", "iam", "sts") else "AccessDeniedException"
    return AccessDenied(refusal(call.principal, need, decision), code=code)


def refusal(principal: Principal, need: Need, decision: Decision) -> str:
    """Say in AWS's words who may not do what, and which kind of policy to look at."""
    resource = f'"{need.resource}"' if need.action.startswith("s3:") else need.resource
    text = f"User: {principal.arn} is not authorized to perform: {need.action} on resource: {resource}"
    if decision.outcome == "explicitDeny":
        article = "an" if decision.layer.startswith("identity") else "a"
        return f"{text} with an explicit deny in {article} {decision.layer}"
    return f"{text} because no {decision.layer} allows the {need.action} action"


def caller_of(principal: Principal) -> Caller:
    """Return a principal as policies see it."""
    return Caller(
        account=principal.account, arn=principal.arn, grants=principal.grants, user_id=principal.user_id
    )


def session_policies(records: Records, principal: Principal) -> tuple[Policy, ...] | None:
    """Return the policies a session was narrowed by; None when it was not."""
    if not principal.session_policies:
        return None
    found: list[Policy] = []
    for item in principal.session_policies:
        policy = managed(records, item) if item.startswith("arn:") else parse(item, name="session")
        if policy is not None:
            found.append(policy)
    return tuple(found)


def _steady(statement: Statement) -> bool:
    """Say whether a statement asks about nothing but action and resource."""
    patterns = statement.resources or ()
    return not statement.conditions and all(pattern.fixed is not None for pattern in patterns)
