"""Ten thousand generated cases, always the same, on which evaluator and second opinion must agree."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

from tests.engines.policy.second_opinion import Json, Question, both, decide

from clary.engines.policy import Caller, Policies, Policy, Request, evaluate, parse
from clary.engines.policy.evaluate import narrowed
from clary.engines.policy.parse import Kind

CASES = 10_000
ACCOUNT, OTHER = "000000000000", "111111111111"
USER = f"arn:aws:iam::{ACCOUNT}:user/team/bob"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/team/worker"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/one"
CALLERS = (
    Question("", "", ACCOUNT, USER, USER, unique="AIDAEXAMPLEEXAMPLE00"),
    Question("", "", ACCOUNT, SESSION, ROLE, unique="AROAEXAMPLEEXAMPLE00"),
    Question("", "", service="sagemaker.amazonaws.com"),
)
PRINCIPALS: tuple[Any, ...] = (
    *("*", {"AWS": "*"}, {"AWS": ACCOUNT}, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, {"AWS": OTHER}),
    *({"AWS": USER}, {"AWS": [ROLE, f"arn:aws:iam::{OTHER}:role/x"]}, {"AWS": SESSION}),
    *({"AWS": "AROAEXAMPLEEXAMPLE00"}, {"AWS": "AIDAEXAMPLEEXAMPLE00"}, {"AWS": "AIDAEXAMPLEEXAMPLE99"}),
    *({"Service": "sagemaker.amazonaws.com"}, {"Service": ["s3.amazonaws.com"], "AWS": [USER, SESSION]}),
)
ACTIONS = ("sagemaker:CreateTrainingJob", "sagemaker:createtrainingjob", "s3:GetObject", "iam:PassRole")
ACTION_PATTERNS = (
    *ACTIONS,
    *("*", "*:*", "sagemaker:*", "SageMaker:Create*Job", "s3:Get*", "s3:?etObject", "iam:*Role"),
)
JOB = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:training-job/bob-1"
RESOURCES = (JOB, "arn:aws:s3:::bucket/bob/x", "arn:aws:s3:::bucket/*", ROLE, "*")
RESOURCE_PATTERNS = (
    *(*RESOURCES, f"arn:aws:sagemaker:*:{ACCOUNT}:training-job/*", "arn:aws:s3:::bucket/${aws:username}/*"),
    *("arn:aws:*:*:*:training-job/bob-?", "arn:aws:s3:::${Ns:Team, 'bucket'}/*", "arn:aws:s3:::b*t/b*b/*"),
    *("arn:aws:s3:::bucket/${*}", "${Ns:Arn}", "arn:*:*"),
)
KEYS = {
    "aws:username": ("bob", "BOB", "b*b", "", "eve"),
    "sagemaker:InstanceTypes": ("ml.m5.large", "ml.m5.xlarge", "ml.p3.2xlarge", "ml.m5.*"),
    "sagemaker:MaxRuntimeInSeconds": ("1", "1.0", "60", "-3", "86400", "1e3", "soon"),
    "aws:CurrentTime": ("2026-01-01", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+02:00", "1767225600"),
    "aws:SourceIp": ("10.0.0.1", "10.0.0.0/8", "203.0.113.7", "2001:db8::1", "2001:db8::/32", "here"),
    "sagemaker:NetworkIsolation": ("true", "false", "True"),
    "Ns:Arn": ("arn:aws:s3:::bucket/x", "arn:aws:s3:::bucket/*", "arn:aws:iam::*:role/r", "arn:aws:s3", "*"),
    "Ns:Bytes": ("QUJD", "QUJE", "QQ==", "%%%"),
    "aws:PrincipalTag/team": ("red", "blue", "${aws:username}", "${aws:RequestTag/team, 'red'}"),
    "aws:RequestTag/team": ("red", "blue", "${aws:PrincipalTag/team}"),
    "Ns:Team": ("bucket", "${aws:username}", "${?}"),
}
OPERATORS = (
    *("StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike"),
    *("StringNotLike", "NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals"),
    *("NumericGreaterThan", "NumericGreaterThanEquals", "DateEquals", "DateNotEquals", "DateLessThan"),
    *("DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals", "Bool", "BinaryEquals", "IpAddress"),
    *("NotIpAddress", "ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike", "Null"),
)

FITTING = {
    "Numeric": "sagemaker:MaxRuntimeInSeconds",
    "Date": "aws:CurrentTime",
    "Bool": "sagemaker:NetworkIsolation",
    "Ip": "aws:SourceIp",
    "NotIp": "aws:SourceIp",
    "Arn": "Ns:Arn",
    "Binary": "Ns:Bytes",
}


def test_both_opinions_agree_on_ten_thousand_generated_cases() -> None:
    dice = random.Random(20261123)  # noqa: S311 - the same cases in every run
    outcomes: Counter[str] = Counter()
    for number in range(CASES):
        case = Case(dice)
        ours, theirs = case.ours(), case.theirs()
        assert ours == theirs, f"case {number}: {ours}, second opinion {theirs}: {case}"
        outcomes[ours] += 1
    assert all(outcomes[outcome] > CASES / 20 for outcome in ("allowed", "explicitDeny", "implicitDeny"))


class Case:
    """One request with every policy that applies to it."""

    def __init__(self, dice: random.Random) -> None:
        caller = dice.choice(CALLERS)
        self.trust = dice.random() < 0.1
        self.foreign = dice.random() < 0.3
        self.question = Question(
            dice.choice(ACTIONS),
            dice.choice(RESOURCES),
            caller.account,
            caller.session,
            caller.holder,
            caller.service,
            caller.unique,
            context(dice),
        )
        self.identity = policies(dice, 2)
        self.resource = policies(dice, 2, principals=True, resources=not self.trust)
        self.boundary = policies(dice, 1) if dice.random() < 0.3 else None
        self.session = policies(dice, 1) if dice.random() < 0.3 else None

    def __repr__(self) -> str:
        return json.dumps(
            {name: vars(value) if name == "question" else value for name, value in vars(self).items()}
        )

    def theirs(self) -> str:
        return decide(
            self.question,
            self.identity,
            self.resource,
            self.boundary,
            self.session,
            foreign=self.foreign,
            trust=self.trust,
        )

    def ours(self) -> str:
        question = self.question
        on_resource: Kind = "trust" if self.trust else "resource"
        found = Policies(
            identity=[*parsed(self.identity)],
            resource=[*parsed(self.resource, on_resource)],
            boundary=None if self.boundary is None else parsed(self.boundary),
            session=None if self.session is None else parsed(self.session),
            foreign=self.foreign,
            trust=self.trust,
        )
        caller = Caller(
            account=question.account,
            arn=question.session,
            grants=question.holder,
            service=question.service,
            user_id=f"{question.unique}:one" if question.unique.startswith("AROA") else question.unique,
        )
        known = {key.lower(): tuple(values) for key, values in question.context.items()}
        request = Request(action=question.action, resource=question.resource, caller=caller, context=known)
        decision = evaluate(found, request)
        assert evaluate(narrowed(found, question.action), request).outcome == decision.outcome
        return decision.outcome


def parsed(documents: list[Json], kind: Kind = "identity") -> list[Policy]:
    return [parse(json.dumps(document), kind) for document in documents]


def context(dice: random.Random) -> dict[str, list[str]]:
    named = dice.sample(list(KEYS), dice.randint(2, 8))
    return {key: few(dice, [v for v in KEYS[key] if "$" not in v], 0.8) for key in named}


def few(dice: random.Random, values: Any, one: float = 0.6) -> list[Any]:
    return [dice.choice(values) for _ in range(1 if dice.random() < one else dice.randint(2, 3))]


def policies(
    dice: random.Random, most: int, *, principals: bool = False, resources: bool = True
) -> list[Json]:
    return [
        both(
            [statement(dice, principals, resources) for _ in range(dice.randint(1, 3))],
            "2012-10-17" if not principals or dice.random() < 0.8 else "2008-10-17",
        )
        for _ in range(dice.randint(0, most))
    ]


def statement(dice: random.Random, principals: bool, resources: bool) -> Json:
    said: Json = {"Effect": "Deny" if dice.random() < 0.15 else "Allow"}
    said["NotAction" if dice.random() < 0.15 else "Action"] = plain(few(dice, ACTION_PATTERNS))
    if resources:
        said["NotResource" if dice.random() < 0.15 else "Resource"] = plain(few(dice, RESOURCE_PATTERNS))
    if principals:
        said["NotPrincipal" if dice.random() < 0.15 else "Principal"] = dice.choice(PRINCIPALS)
    if dice.random() < 0.4:
        said["Condition"] = dict(block(dice) for _ in range(dice.randint(1, 2)))
    return said


def plain(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def block(dice: random.Random) -> tuple[str, Json]:
    operator, key = dice.choice(OPERATORS), dice.choice(list(KEYS))
    if operator == "Null":
        return operator, {key: dice.choice(["true", "false", True])}
    fitting = {
        "Numeric": "sagemaker:MaxRuntimeInSeconds",
        "Date": "aws:CurrentTime",
        "Bool": "sagemaker:NetworkIsolation",
    }
    fitting |= {"Ip": "aws:SourceIp", "NotIp": "aws:SourceIp", "Arn": "Ns:Arn", "Binary": "Ns:Bytes"}
    if dice.random() < 0.8:
        key = next((of for start, of in fitting.items() if operator.startswith(start)), key)
    qualifier = dice.choice(["", "", "ForAllValues:", "ForAnyValue:"])
    spelt = key.upper() if dice.random() < 0.1 else key
    return f"{qualifier}{operator}{dice.choice(['', '', 'IfExists'])}", {spelt: plain(few(dice, KEYS[key]))}
