"""GetFederationToken: a user's session under another name, with no more than its session policies allow."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from clary.core.document import Document
from clary.core.errors import AccessDenied
from clary.core.tags import tags_of
from clary.operations.registry import Call, operation
from clary.operations.sts.assume_role import packed_size, session_documents
from clary.store.credentials import Credentials
from clary.store.keys import MasterKey

DEFAULT_SECONDS = 43200
_NOTHING = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}],
    }
)
"""What a session without policies of its own may do: what everybody may."""


@operation("sts", "GetFederationToken")
def get_federation_token(call: Call) -> Document:
    """Answer credentials of a federated user."""
    principal, request = call.principal, call.request
    if principal.temporary or principal.kind != "user":
        raise AccessDenied("Cannot call GetFederationToken with session credentials", code="AccessDenied")
    name, policies = request["Name"], session_documents(call)
    federated = replace(
        principal,
        arn=f"arn:aws:sts::{call.account}:federated-user/{name}",
        user_id=f"{call.account}:{name}",
        kind="federated",
        session_policies=policies or (_NOTHING,),
        tags={**principal.tags, **tags_of(request.get("Tags"))},
    )
    duration = timedelta(seconds=request.get("DurationSeconds", DEFAULT_SECONDS))
    credentials = Credentials(call.records, MasterKey.open(call.settings.home.keys), call.clock)
    answer: Document = {
        "Credentials": credentials.issue_session(federated, duration),
        "FederatedUser": {"FederatedUserId": federated.user_id, "Arn": federated.arn},
    }
    if policies or request.get("Tags"):
        answer["PackedPolicySize"] = packed_size(call, policies)
    return answer
