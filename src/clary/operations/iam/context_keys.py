"""Which condition keys policies ask about: what a simulation has to be told."""

from __future__ import annotations

from collections.abc import Iterable

from clary.core.document import Document
from clary.engines.policy import Policy
from clary.engines.policy.evaluate import keys_of
from clary.operations.iam.grants import grants_of
from clary.operations.iam.simulate import given, source
from clary.operations.registry import Call, operation


@operation("iam", "GetContextKeysForCustomPolicy")
def get_context_keys_for_custom_policy(call: Call) -> Document:
    """Name the keys of the policies given."""
    return _answer(_given(call))


@operation("iam", "GetContextKeysForPrincipalPolicy")
def get_context_keys_for_principal_policy(call: Call) -> Document:
    """Name the keys of the policies a user, group or role has, and of those given."""
    found = grants_of(call.records, source(call))
    return _answer([*found.identity, *(found.boundary or ()), *_given(call)])


def _given(call: Call) -> list[Policy]:
    texts = call.request.get("PolicyInputList", ())
    return [given(text, f"PolicyInputList.{number}") for number, text in enumerate(texts, 1)]


def _answer(policies: Iterable[Policy]) -> Document:
    keys = {key for policy in policies for statement in policy.statements for key in keys_of(statement)}
    return {"ContextKeyNames": sorted(keys)}
