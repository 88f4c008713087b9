"""What IAM refuses to call a policy, and what it calls it instead."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clary.engines.policy import Malformed, parse
from clary.engines.policy.parse import Kind

_GOOD = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
_TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "sagemaker.amazonaws.com"}}
_VENDOR = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
_SYNTAX = "Syntax errors in policy."


def _policy(*statements: object, **members: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **members})


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("", "identity", _SYNTAX),
        ("{", "identity", _SYNTAX),
        ("[]", "identity", _SYNTAX),
        ('{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}', "identity", _SYNTAX),
        (
            json.dumps({"Statement": [_GOOD]}),
            "identity",
            "Policy document must be version 2012-10-17 or greater.",
        ),
        (_policy(_GOOD, Version="2020-01-01"), "identity", _SYNTAX),
        (_policy(_GOOD, Other=1), "identity", _SYNTAX),
        (_policy(), "identity", _SYNTAX),
        (_policy({**_GOOD, "Effect": "Maybe"}), "identity", _SYNTAX),
        (_policy({**_GOOD, "NotAction": "s3:*"}), "identity", _SYNTAX),
        (_policy({**_GOOD, "Action": []}), "identity", "Policy statement must contain actions."),
        (_policy({**_GOOD, "Action": "GetObject"}), "identity", _VENDOR),
        (_policy({**_GOOD, "Action": "s3:Get Object"}), "identity", "The policy failed legacy parsing"),
        (_policy({**_GOOD, "Action": [1]}), "identity", _SYNTAX),
        (
            _policy({"Effect": "Allow", "Action": "s3:*"}),
            "identity",
            "Policy statement must contain resources.",
        ),
        (_policy({**_GOOD, "Resource": "b"}), "identity", 'Resource b must be in ARN format or "*".'),
        (_policy({**_GOOD, "Principal": "*"}), "identity", "Policy document should not specify a principal."),
        (_policy({**_GOOD, "Sid": "a"}, {**_GOOD, "Sid": "a"}), "identity", "must be unique"),
        (_policy({**_GOOD, "Sid": "a b"}), "identity", "alpha-numeric"),
        (
            _policy({**_GOOD, "Condition": {"Like": {"a:b": "c"}}}),
            "identity",
            "Invalid Condition type : Like",
        ),
        (_policy({**_GOOD, "Condition": {"StringEquals": {"b": "c"}}}), "identity", _VENDOR),
        (_policy({**_GOOD, "Condition": {"StringEquals": "c"}}), "identity", _SYNTAX),
        (_policy({**_GOOD, "Condition": {"StringEquals": {"a:b": {}}}}), "identity", _SYNTAX),
        (_policy({**_TRUST, "Resource": "*"}), "trust", "Has prohibited field Resource"),
        (_policy(_GOOD), "trust", "Has prohibited field Resource"),
        (_policy({"Effect": "Allow", "Action": "sts:*"}), "trust", "Missing required field Principal"),
        (
            _policy({**_TRUST, "Principal": {"AWS": "bob"}}),
            "trust",
            'Invalid principal in policy: "AWS":"bob"',
        ),
        (
            _policy({**_TRUST, "Principal": {"AWS": "arn:aws:iam::000000000000:role/*bad role"}}),
            "trust",
            "Invalid principal in policy",
        ),
        (_policy({**_TRUST, "Principal": {"Aws": "*"}}), "trust", "Invalid principal in policy"),
        (_policy(_GOOD), "resource", "Missing required field Principal"),
    ],
)
def test_a_malformed_document_is_refused_in_iams_words(text: str, kind: Kind, words: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse(text, kind)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (_policy(_GOOD), "identity"),
        (json.dumps({"Version": "2012-10-17", "Statement": _GOOD}), "identity"),
        (
            _policy({"Effect": "Deny", "NotAction": ["s3:*", "*"], "NotResource": ["arn:aws:s3:::b"]}),
            "identity",
        ),
        (_policy(_TRUST), "trust"),
        (_policy({**_TRUST, "Principal": {"AWS": ["000000000000", "*"], "Federated": "x"}}), "trust"),
        (_policy({**_GOOD, "Principal": "*", "Sid": "with space"}), "resource"),
        (json.dumps({"Statement": {**_GOOD, "NotPrincipal": {"AWS": "*"}}}), "resource"),
    ],
)
def test_a_sound_document_is_taken(text: str, kind: Kind) -> None:
    assert parse(text, kind).statements


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["Version", "Statement", "Effect", "Action", "Resource", "Condition", "x"]),
                inner,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_json_comes_it_is_parsed_or_called_malformed(value: object) -> None:
    try:
        parse(json.dumps(value))
    except Malformed:
        return


def test_an_old_version_knows_no_variables() -> None:
    [statement] = parse(
        json.dumps(
            {"Version": "2008-10-17", "Statement": {**_GOOD, "Resource": "arn:aws:s3:::${aws:username}"}}
        )
    ).statements
    [pattern] = statement.resources or ()
    assert pattern.matches("arn:aws:s3:::${aws:username}", {"aws:username": ("bob",)})


def test_a_policy_may_leave_out_the_resource_that_it_is_attached_to() -> None:
    said = {"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}
    text = json.dumps({"Version": "2012-10-17", "Statement": said})
    assert parse(text, "own").statements[0].resources is None
    with pytest.raises(Malformed, match="must contain resources"):
        parse(text, "resource")
