"""May this caller do this? Every call passes here once, before its operation runs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import TypeVar

from clary.core.clock import Clock
from clary.core.errors import AccessDenied
from clary.core.principal import Principal
from clary.engines.policy import Caller, Decision, Policies, Policy, Request, evaluate, parse
from clary.engines.policy.evaluate import narrowed
from clary.engines.policy.pattern import Context
from clary.operations.iam.grants import GRANTING, Grants, grants, managed
from clary.operations.permissions import iam
from clary.operations.permissions.context import of_caller, of_request
from clary.operations.permissions.known import Known, asks, steady
from clary.operations.permissions.need import Need
from clary.operations.permissions.needs import needs as needed
from clary.operations.permissions.on_resource import (
    Buckets,
    OnResource,
    bearers,
    of_bucket,
    of_object,
    of_record,
    state,
)
from clary.operations.registry import Call
from clary.resources.organizations.account import ACCOUNT
from clary.resources.spec import Resource
from clary.store.credentials import Generation
from clary.store.records import Records

Key = TypeVar("Key")
Value = TypeVar("Value")
_REMEMBERED = 10_000  # Decisions kept between two writes to IAM.
_NOTHING: Context = {}
_DENIED = {"iam": "AccessDenied", "s3": "AccessDenied", "sns": "AuthorizationError", "sts": "AccessDenied"}
"""What services call a refusal, where it is not AccessDeniedException: evidence/sqs.md, evidence/sns.md."""
_NO_MFA = "The security token included in the request is invalid: a user's own session is not for IAM."


@dataclass
class Memory:
    """What was found out under one generation of the stored policies; never carried over to the next."""

    generation: int
    known: dict[tuple[str, tuple[str, ...]], Known] = field(default_factory=dict)
    decided: dict[tuple[str, str, tuple[str, ...], str, str], bool] = field(default_factory=dict)
    plain: dict[tuple[str, str, tuple[str, ...], str, str], bool] = field(default_factory=dict)
    on_resource: dict[str, OnResource] = field(default_factory=dict)


class Authoriser:
    """Decides calls by the stored policies; what it remembers is dropped as soon as any of them changes."""

    def __init__(
        self, records: Records, changes: Generation, clock: Clock, buckets: Buckets | None = None
    ) -> None:
        self._records = records
        self._changes = changes
        self._clock = clock
        self._buckets = buckets
        self._memory = Memory(-1)

    def check(self, call: Call, context: Context = _NOTHING) -> list[Need]:
        """Return the permissions a call needs, or raise AccessDenied when the caller lacks one.

        What it lacks for single items is noted in `call.refused`, for the operation to answer.

        `context` adds what only the gateway knows: `aws:sourceip`, `aws:securetransport`, `aws:useragent`.
        """
        if (call.service, call.operation) in iam.FREE:
            return []
        kind = call.principal.kind
        if call.service == "iam" and kind in ("user", "federated") and call.principal.temporary:
            raise AccessDenied(_NO_MFA, code="InvalidClientTokenId")
        wanted = needs(call)
        common = {
            **of_caller(call.principal, self._clock.now()),
            **of_request(call.request, call.region),
            **context,
        }
        for need in wanted:
            decision = self.decide(call.principal, need, {**common, **need.context})
            if decision.allowed:
                continue
            if need.item is None:
                raise denied(call, need, decision)
            call.refused[need.item] = denied(call, need, decision)
        return wanted

    def allowed(self, principal: Principal, action: str, resource: str, context: Context = _NOTHING) -> bool:
        """Say whether a caller may do one thing. Costs microseconds when it was asked before."""
        memory = self._current()
        key = (principal.grants, principal.arn, principal.session_policies, action, resource)
        if key in memory.decided:
            return memory.decided[key]
        need, known = Need(action, resource), self._policies(memory, principal)
        common = of_caller(principal, self._clock.now())
        outcome = self._decide(memory, principal, need, {**common, **context}).allowed
        if not action.startswith("s3:") and known.about(action).steady:  # a bucket's policy may ask anything
            own = memory.on_resource.get(resource)
            if own is None or all(steady(s) for policy in own.policies for s in policy.statements):
                _keep(memory.decided, key, outcome)
        return outcome

    def remembers(self, principal: Principal, action: str, resource: str) -> bool:
        """Say that `allowed` says yes, whatever the circumstances, as long as the generation is the same."""
        key = (principal.grants, principal.arn, principal.session_policies, action, resource)
        return self._current().decided.get(key, False)

    def generation(self) -> int:
        """Return a number that grows when a decision may be another one than before."""
        return self._changes.generation(*_watched())

    def refusal(
        self, principal: Principal, action: str, resource: str, context: Context = _NOTHING
    ) -> AccessDenied:
        """Return why `allowed` said no, in AWS's words."""
        need = Need(action, resource)
        decision = self.decide(principal, need, {**of_caller(principal, self._clock.now()), **context})
        return AccessDenied(refusal(principal, need, decision))

    def plainly(self, principal: Principal, action: str, resource: str) -> bool:
        """Say that a caller's own policies allow one thing whatever its circumstances; False says nothing."""
        memory = self._current()
        key = (principal.grants, principal.arn, principal.session_policies, action, resource)
        if key in memory.plain:
            return memory.plain[key]
        spoken = self._policies(memory, principal).about(action)
        if not spoken.steady:
            return False
        asked = Request(action=action, resource=resource, caller=caller_of(principal), context=_NOTHING)
        _keep(memory.plain, key, evaluate(spoken.policies, asked).allowed)
        return memory.plain[key]

    def decide(self, principal: Principal, need: Need, context: Context) -> Decision:
        """Evaluate one need under every policy that applies."""
        return self._decide(self._current(), principal, need, context)

    def _decide(self, memory: Memory, principal: Principal, need: Need, context: Context) -> Decision:
        spoken = self._policies(memory, principal).about(need.action)
        own = self._on_resource(memory, need, principal.account)
        owner = own.owner or principal.account
        context = {**context, "aws:resourceaccount": (owner,)}
        if need.action.startswith("s3:"):
            context["s3:resourceaccount"] = (owner,)
        if spoken.asks or (own.policies and asks(own.policies)):
            context.update(state(need, self._records))
            if self._buckets is not None and need.action.startswith("s3:"):
                context.update(of_object(need, self._buckets))
        policies = spoken.policies
        if own.policies or owner != principal.account:
            said = narrowed(Policies(resource=own.policies), need.action).resource
            policies = replace(policies, resource=said, foreign=_foreign(principal, owner))
        request = Request(
            action=need.action, resource=need.resource, caller=caller_of(principal), context=context
        )
        return evaluate(policies, request)

    def _current(self) -> Memory:
        generation = self.generation()
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

    def _on_resource(self, memory: Memory, need: Need, account: str) -> OnResource:
        if need.action.startswith("s3:"):
            return OnResource() if self._buckets is None else of_bucket(need, self._buckets, account)
        found = memory.on_resource.get(need.resource)
        if found is None:
            found = of_record(need, self._records, account)
            if found.owner:
                _keep(memory.on_resource, need.resource, found)
        return found


def needs(call: Call) -> list[Need]:
    """Return every permission a call needs."""
    return needed(call.service, call.operation, call.request, call.principal, call.records)


def denied(call: Call, need: Need, decision: Decision) -> AccessDenied:
    """Return the refusal of a call, with its service's error code."""
    code = _DENIED.get(call.service, "AccessDeniedException")
    if call.principal.kind == "anonymous":
        return AccessDenied("Access Denied", code=code)
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


def _foreign(principal: Principal, owner: str) -> bool:
    """Say whether a caller's own account must allow as well; nobody in particular has none to ask."""
    return owner != principal.account and principal.kind != "anonymous"


@cache
def _watched() -> tuple[Resource, ...]:
    """Return the kinds whose change may change a decision."""
    return (*GRANTING, *bearers().values(), ACCOUNT)


def _keep(memory: dict[Key, Value], key: Key, value: Value) -> None:
    if len(memory) >= _REMEMBERED:
        memory.clear()
    memory[key] = value
