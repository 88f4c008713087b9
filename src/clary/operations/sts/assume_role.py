"""AssumeRole: a session of a role, for whoever its trust policy lets in.

How long sessions last, and which tags go along with them: evidence/sts-sessions.md.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from clary.core.document import Document
from clary.core.errors import AccessDenied, ApiError, NotBuilt, ValidationError
from clary.core.tags import tags_of
from clary.operations.authorise import caller_of, session_policies
from clary.operations.iam.documents import checked
from clary.operations.iam.grants import Grants, grants, managed
from clary.operations.permissions.context import of_caller, of_request
from clary.operations.registry import Call, operation
from clary.operations.sts.trust import decide, find_role
from clary.store.credentials import Credentials, session_principal
from clary.store.keys import MasterKey
from clary.store.record import Record

DEFAULT_SECONDS = 3600
CHAINED_SECONDS = 3600  # A session of a session lasts an hour at most, whatever the role says.
PACKED_LIMIT = 2048  # Characters of session policies and their ARNs together.
POLICIES_LIMIT = 10
_NOT_BUILT = ("ProvidedContexts",)


@operation("sts", "AssumeRole")
def assume_role(call: Call) -> Document:
    """Answer credentials of a role's session."""
    request = call.request
    for name in _NOT_BUILT:
        if request.get(name):
            raise NotBuilt(f"AssumeRole with {name}")
    refuse_mfa(request)
    if call.principal.kind == "federated":
        raise AccessDenied("Cannot call AssumeRole with federation credentials", code="AccessDenied")
    role = find_role(call.records, request["RoleArn"])
    if role is None:
        raise _denied(call, "sts:AssumeRole")
    _check(call, role)
    policies = session_documents(call)
    tags, transitive = _session_tags(call)
    duration = _duration(call, role)
    source = request.get("SourceIdentity") or call.principal.source_identity
    principal = replace(
        session_principal(role, request["RoleSessionName"]),
        session_policies=policies,
        tags={**tags_of(role.doc.get("Tags")), **tags},
        transitive=transitive,
        source_identity=source,
    )
    credentials = Credentials(call.records, MasterKey.open(call.settings.home.keys), call.clock)
    answer: Document = {
        "Credentials": credentials.issue_session(principal, duration),
        "AssumedRoleUser": {"AssumedRoleId": principal.user_id, "Arn": principal.arn},
    }
    if policies or request.get("Tags"):
        answer["PackedPolicySize"] = packed_size(call, policies)
    if source:
        answer["SourceIdentity"] = source
    return answer


def refuse_mfa(request: Document) -> None:
    """Raise AccessDenied when a request comes with a device's code: there are no devices."""
    if request.get("SerialNumber") or request.get("TokenCode"):
        raise AccessDenied(
            "MultiFactorAuthentication failed: this server has no MFA devices.", code="AccessDenied"
        )


def packed_size(call: Call, policies: tuple[str, ...]) -> int:
    """Return how many percent of what may be packed into a session the policies and tags take."""
    tags = sum(len(name) + len(value) for name, value in tags_of(call.request.get("Tags")).items())
    return max(1, 100 * (sum(map(len, policies)) + tags) // PACKED_LIMIT)


def _session_tags(call: Call) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the session's own tags with those it inherits, and the names of those that it hands on."""
    request, principal = call.request, call.principal
    tags, inherited = tags_of(request.get("Tags")), {name.lower() for name in principal.transitive}
    for name in tags:
        if name.lower() in inherited:
            raise ApiError(
                "One of the specified transitive tag keys can't be set because it conflicts with a "
                f"transitive tag key from the calling session: {name}",
                code="InvalidParameterValue",
                status=400,
            )
    wanted = request.get("TransitiveTagKeys") or []
    for name in wanted:
        if name not in tags:
            raise ApiError(
                f"The specified transitive tag key must be included in the requested tags: {name}",
                code="InvalidParameterValue",
                status=400,
            )
    handed_on = {name: value for name, value in principal.tags.items() if name in principal.transitive}
    return {**handed_on, **tags}, (*principal.transitive, *wanted)


def _check(call: Call, role: Record) -> None:
    """Raise AccessDenied unless the trust policy and the caller's own allow it, tags and all."""
    request, principal = call.request, call.principal
    actions = ["sts:AssumeRole"]
    if request.get("Tags"):
        actions.append("sts:TagSession")
    if request.get("SourceIdentity"):
        if principal.source_identity not in ("", request["SourceIdentity"]):
            raise _denied(call, "sts:SetSourceIdentity")
        actions.append("sts:SetSourceIdentity")
    context = {
        **of_caller(principal, call.clock.now()),
        **of_request(request, call.region),
        "sts:rolesessionname": (request["RoleSessionName"],),
    }
    for member, key in (("ExternalId", "sts:externalid"), ("SourceIdentity", "sts:sourceidentity")):
        if request.get(member):
            context[key] = (request[member],)
    own = grants(call.records, principal.grants) or Grants()
    session = session_policies(call.records, principal)
    for action in actions:
        decision = decide(
            role,
            caller_of(principal),
            action,
            context,
            identity=own.identity,
            boundary=own.boundary,
            session=session,
        )
        if not decision.allowed:
            raise _denied(call, action)


def session_documents(call: Call) -> tuple[str, ...]:
    """Return what narrows the session: the inline document and the ARNs of managed policies."""
    request = call.request
    arns = [item["arn"] for item in request.get("PolicyArns", ()) if "arn" in item]
    if len(arns) > POLICIES_LIMIT:
        raise ValidationError(f"PolicyArns can have at most {POLICIES_LIMIT} items.", code="ValidationError")
    for arn in arns:
        if managed(call.records, arn) is None:
            raise ApiError(f"Policy {arn} does not exist.", code="InvalidParameterValue", status=400)
    found = (*((checked(request["Policy"]),) if "Policy" in request else ()), *arns)
    size = sum(map(len, found))
    if size > PACKED_LIMIT:
        raise ApiError(
            f"The session policies have {size} characters; at most {PACKED_LIMIT} are allowed.",
            code="PackedPolicyTooLarge",
            status=400,
        )
    return found


def _duration(call: Call, role: Record) -> timedelta:
    seconds = call.request.get("DurationSeconds", DEFAULT_SECONDS)
    if seconds > role.doc.get("MaxSessionDuration", DEFAULT_SECONDS):
        raise ValidationError(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            code="ValidationError",
        )
    if call.principal.kind == "assumed-role" and seconds > CHAINED_SECONDS:
        raise ValidationError(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
            "chaining",
            code="ValidationError",
        )
    return timedelta(seconds=seconds)


def _denied(call: Call, action: str) -> AccessDenied:
    """Return the refusal, the same for a role that does not exist: names cannot be tried out."""
    arn = call.request["RoleArn"]
    return AccessDenied(
        f"User: {call.principal.arn} is not authorized to perform: {action} on resource: {arn}",
        code="AccessDenied",
    )
