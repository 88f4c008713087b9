"""The evaluator against a second one made differently: truth tables, then whatever hypothesis thinks of."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engines.policy.second_opinion import Json, Question, both, decide

from clary.engines.policy import Caller, Policies, Policy, Request, evaluate, parse
from clary.engines.policy.parse import Kind

ACCOUNT, OTHER = "000000000000", "111111111111"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/team/worker"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/one"
USER = f"arn:aws:iam::{ACCOUNT}:user/bob"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
OBJECT = "arn:aws:s3:::bucket/key"


def _say(effect: str, action: str = "s3:*", **members: object) -> Json:
    return {"Effect": effect, "Action": action, "Resource": "*", **members}


_SIDES: dict[str, list[Json] | None] = {
    "absent": None,
    "silent": [both([_say("Allow", "logs:*")])],
    "allows": [both([_say("Allow")])],
    "denies": [both([_say("Allow"), _say("Deny", "s3:Get*")])],
}
_ON_RESOURCE: dict[str, list[Json]] = {
    "absent": [],
    "the account": [both([_say("Allow", Principal={"AWS": ROOT})])],
    "its number": [both([_say("Allow", Principal={"AWS": ACCOUNT})])],
    "the role": [both([_say("Allow", Principal={"AWS": [ROLE]})])],
    "the session": [both([_say("Allow", Principal={"AWS": SESSION})])],
    "the user": [both([_say("Allow", Principal={"AWS": USER})])],
    "everyone": [both([_say("Allow", Principal="*")])],
    "another": [both([_say("Allow", Principal={"AWS": f"arn:aws:iam::{OTHER}:root"})])],
    "denied": [both([_say("Allow", Principal="*"), _say("Deny", Principal={"AWS": ROOT})])],
    "all but": [both([_say("Deny", NotPrincipal={"AWS": [USER]})])],
}
_CALLERS = {"user": (USER, USER), "session": (SESSION, ROLE)}
_TABLE = list(
    itertools.product(
        _CALLERS, ["silent", "allows", "denies"], _ON_RESOURCE, _SIDES, _SIDES, [False, True], [False, True]
    )
)


def _parsed(policies: list[Json] | None, kind: Kind) -> list[Policy] | None:
    return None if policies is None else [parse(json.dumps(policy), kind) for policy in policies]


def _both(
    question: Question,
    identity: list[Json],
    resource: list[Json],
    boundary: list[Json] | None,
    session: list[Json] | None,
    *,
    foreign: bool = False,
    trust: bool = False,
) -> tuple[str, str]:
    policies = Policies(
        identity=_parsed(identity, "identity") or (),
        resource=_parsed(resource, "trust" if trust else "resource") or (),
        boundary=_parsed(boundary, "identity"),
        session=_parsed(session, "identity"),
        foreign=foreign,
        trust=trust,
    )
    caller = Caller(
        account=question.account,
        arn=question.session,
        grants=question.holder,
        service=question.service,
        user_id=f"{question.unique}:{question.session.rpartition('/')[2]}" if question.unique else "",
    )
    context = {key.lower(): tuple(values) for key, values in question.context.items()}
    request = Request(action=question.action, resource=question.resource, caller=caller, context=context)
    ours = evaluate(policies, request).outcome
    return ours, decide(question, identity, resource, boundary, session, foreign=foreign, trust=trust)


def test_both_evaluators_agree_on_every_combination_of_layers() -> None:
    seen: set[str] = set()
    for who, identity, resource, boundary, session, foreign, trust in _TABLE:
        arn, holder = _CALLERS[who]
        question = Question("s3:GetObject", OBJECT, ACCOUNT, arn, holder)
        on_resource = _ON_RESOURCE[resource]
        if trust:
            on_resource = [
                both({k: v for k, v in s.items() if k != "Resource"} for s in policy["Statement"])
                for policy in on_resource
            ]
        ours, theirs = _both(
            question,
            _SIDES[identity] or [],
            on_resource,
            _SIDES[boundary],
            _SIDES[session],
            foreign=foreign,
            trust=trust,
        )
        assert ours == theirs, (who, identity, resource, boundary, session, foreign, trust)
        seen.add(ours)
    assert seen == {"allowed", "explicitDeny", "implicitDeny"}


@pytest.mark.parametrize(
    ("resource", "boundary", "session", "outcome"),
    [
        ("the session", "silent", "silent", "allowed"),
        ("the role", "allows", "allows", "allowed"),
        ("the role", "silent", "allows", "implicitDeny"),
        ("the role", "allows", "silent", "implicitDeny"),
        ("the account", "absent", "absent", "implicitDeny"),
        ("everyone", "silent", "silent", "allowed"),
    ],
)
def test_a_resource_policy_that_names_the_session_needs_nothing_else(
    resource: str, boundary: str, session: str, outcome: str
) -> None:
    question = Question("s3:GetObject", OBJECT, ACCOUNT, SESSION, ROLE)
    ours, _ = _both(question, [], _ON_RESOURCE[resource], _SIDES[boundary], _SIDES[session])
    assert ours == outcome


def test_the_layer_that_refuses_is_named() -> None:
    allow = parse(json.dumps(both([_say("Allow")])))
    request = Request(action="s3:GetObject", resource=OBJECT, caller=Caller(account=ACCOUNT))
    assert evaluate(Policies(), request).layer == "identity-based policy"
    assert evaluate(Policies(identity=[allow], boundary=[]), request).layer == "permissions boundary"
    assert evaluate(Policies(identity=[allow], session=[]), request).layer == "session policy"
    assert evaluate(Policies(identity=[allow], foreign=True), request).layer == "resource-based policy"
    assert evaluate(Policies(identity=[allow], trust=True), request).layer == "trust policy"


def test_a_trust_policy_lets_a_service_in() -> None:
    trust = both(
        [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "x.amazonaws.com"}}]
    )
    for service, outcome in (("x.amazonaws.com", "allowed"), ("y.amazonaws.com", "implicitDeny")):
        question = Question("sts:AssumeRole", ROLE, service=service)
        assert _both(question, [], [trust], None, None, trust=True) == (outcome, outcome)


_ACTIONS = ["s3:GetObject", "s3:PutObject", "s3:getobject", "sagemaker:CreateTrainingJob", "iam:PassRole"]
_ACTION_PATTERNS = [*_ACTIONS, "s3:*", "*", "S3:Get*", "s3:?etObject", "*:*", "sagemaker:*Job"]
_RESOURCES = [OBJECT, "arn:aws:s3:::bucket/bob/x", "arn:aws:s3:::bucket", "arn:aws:iam::1:role/r", "*"]
_RESOURCE_PATTERNS = [
    *_RESOURCES,
    "arn:aws:s3:::bucket/*",
    "arn:aws:s3:::bucket/${aws:username}/*",
    "arn:aws:s3:::${Team, 'bucket'}/*",
    "arn:aws:s3:::buc?et*",
    "arn:*:role/*",
    "arn:aws:s3:::bucket/${*}",
]
_KEYS = [
    "aws:username",
    "s3:prefix",
    "aws:SourceIp",
    "aws:CurrentTime",
    "x:Number",
    "x:Flag",
    "x:Arn",
    "x:None",
]
_VALUES = [
    *("bob", "BOB", "b*", "a", "", "1", "1.0", "2", "-3", "true", "false", "True"),
    *("2026-01-01T00:00:00Z", "2026-01-02", "1767225600", "10.0.0.1", "10.0.0.0/8", "::1", "QmluYXJ5"),
    *(
        "arn:aws:s3:::b",
        "arn:aws:s3:::*",
        "arn:aws:iam::*:role/r",
        "arn:aws:iam::1:role/r",
        "${aws:username}",
    ),
]
_PLAIN = [
    *("StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike"),
    *("StringNotLike", "NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals"),
    *("NumericGreaterThan", "NumericGreaterThanEquals", "DateEquals", "DateNotEquals", "DateLessThan"),
    *("DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals", "Bool", "IpAddress", "NotIpAddress"),
    *("ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"),
]


def _few(values: list[str]) -> st.SearchStrategy[Any]:
    return st.sampled_from(values) | st.lists(st.sampled_from(values), min_size=1, max_size=3)


@st.composite
def _operators(draw: st.DrawFn) -> str:
    plain = draw(st.sampled_from([*_PLAIN, "Null"]))
    if plain == "Null":
        return plain
    qualifier = draw(st.sampled_from(["", "", "ForAllValues:", "ForAnyValue:"]))
    return qualifier + plain + draw(st.sampled_from(["", "", "IfExists"]))


@st.composite
def _statements(draw: st.DrawFn, *, principal: bool) -> Json:
    statement: Json = {"Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"]))}
    statement[draw(st.sampled_from(["Action", "Action", "NotAction"]))] = draw(_few(_ACTION_PATTERNS))
    statement[draw(st.sampled_from(["Resource", "Resource", "NotResource"]))] = draw(_few(_RESOURCE_PATTERNS))
    if principal:
        name = draw(st.sampled_from(["Principal", "Principal", "NotPrincipal"]))
        arns = [ROLE, SESSION, USER, ROOT, ACCOUNT, "*", f"arn:aws:iam::{OTHER}:root"]
        statement[name] = draw(st.just("*") | st.fixed_dictionaries({"AWS": _few(arns)}))
    if draw(st.booleans()):
        block = st.dictionaries(st.sampled_from(_KEYS), _few(_VALUES), min_size=1, max_size=2)
        statement["Condition"] = draw(st.dictionaries(_operators(), block, min_size=1, max_size=2))
    return statement


def _policies(*, principal: bool = False) -> st.SearchStrategy[list[Json]]:
    version = st.sampled_from(["2012-10-17", "2012-10-17", "2008-10-17"])
    statements = st.lists(_statements(principal=principal), min_size=1, max_size=3)
    return st.lists(st.builds(both, statements, version), max_size=2)


_QUESTIONS = st.builds(
    lambda action, resource, who, context: Question(
        action, resource, ACCOUNT, *_CALLERS[who], context=context
    ),
    st.sampled_from(_ACTIONS),
    st.sampled_from(_RESOURCES),
    st.sampled_from(list(_CALLERS)),
    st.dictionaries(
        st.sampled_from([*_KEYS, "team"]), st.lists(st.sampled_from(_VALUES), min_size=1, max_size=2)
    ),
)


@settings(max_examples=120, deadline=None)
@given(
    question=_QUESTIONS,
    identity=_policies(),
    resource=_policies(principal=True),
    boundary=st.none() | _policies(),
    session=st.none() | _policies(),
    foreign=st.booleans(),
)
def test_both_evaluators_agree_on_generated_policies(
    question: Question,
    identity: list[Json],
    resource: list[Json],
    boundary: list[Json] | None,
    session: list[Json] | None,
    foreign: bool,
) -> None:
    ours, theirs = _both(question, identity, resource, boundary, session, foreign=foreign)
    assert ours == theirs
