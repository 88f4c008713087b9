"""Who may attach to a running training job: one signed call, one decision, one audit line.

The answer only names the run. Its socket is open to the server's own user, so whoever attaches is on this
machine; what is decided here is in whose name (evidence/remote-debug.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from clary.core import ids
from clary.core.document import Document
from clary.core.errors import AccessDenied, ApiError, ValidationError
from clary.core.principal import Principal
from clary.gateway import sigv4
from clary.gateway.audit import Entry
from clary.gateway.chain import session_token
from clary.gateway.exchange import Parts
from clary.operations.bootstrap import ADMINISTRATOR
from clary.resources.training.training_job import TRAINING_JOB
from clary.store.records import Record
from clary.wire.message import Headers, HttpRequest

ACTION = "ssm:StartSession"  # what attaching needs on AWS; asked for the job's ARN here
OPERATION = "AttachTrainingJob"


def admit(scope: Mapping[str, Any], parts: Parts) -> tuple[int, Document]:
    """Say which run a caller may attach to, or why not."""
    request = HttpRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=Headers(
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        ),
    )
    name = unquote(request.path.rpartition("/")[2])
    token = session_token(request)
    signed = None
    entry = {"resource": name}
    status, answer = 200, Document()
    try:
        signed = sigv4.verify(request, lambda key: parts.credentials.find(key, token), parts.clock.now())
        claim = sigv4.peek(request)
        principal = signed.credential.principal
        records = parts.records.scoped(principal.account, claim.region if claim else parts.settings.region)
        job = records.find(TRAINING_JOB, name)
        if job is None:
            raise ValidationError(
                f"There is no training job {name} in the account {principal.account}. One of another account "
                "is attached to with --account."
            )
        entry["resource"] = job.arn
        check(job, principal, parts)
        answer = {"TrainingJobArn": job.arn, "Run": f"{job.uid}-{job.doc.get('_Attempt', 1)}"}
    except ApiError as refusal:
        status, answer = refusal.status, {"code": refusal.code, "message": refusal.message}
    whose = signed.credential.principal if signed else None
    client = scope.get("client")
    parts.audit.add(
        Entry(
            time=parts.clock.now(),
            request_id=ids.request_id(),
            account=whose.account if whose else "",
            principal=whose.arn if whose else "",
            access_key=signed.credential.access_key if signed else "",
            source_ip=client[0] if client else "",
            service="sagemaker",
            operation=OPERATION,
            resource=entry["resource"],
            status=status,
            error=answer.get("code", ""),
        )
    )
    return status, answer


def check(job: Record, principal: Principal, parts: Parts) -> None:
    """Refuse a caller to whom this job is not open, and a job that does not run."""
    own = _is_administrators(job, principal, parts)
    if not (own or parts.authoriser.allowed(principal, ACTION, job.arn)):
        raise parts.authoriser.refusal(principal, ACTION, job.arn)
    if job.doc["SecondaryStatus"] != "Training":
        raise ValidationError(
            f"The training job {job.name} is {job.doc['TrainingJobStatus']} "
            f"({job.doc['SecondaryStatus']}); one can attach while its secondary status is Training."
        )
    if not own and not job.doc.get("RemoteDebugConfig", {}).get("EnableRemoteDebug"):
        raise AccessDenied(
            f"Remote debugging of the training job {job.name} is off. Its owner turns it on with "
            "RemoteDebugConfig={'EnableRemoteDebug': True}, in CreateTrainingJob or, while it runs, in "
            "UpdateTrainingJob."
        )


def _is_administrators(job: Record, principal: Principal, parts: Parts) -> bool:
    """Tell whether the server's administrator asks, for an own job; a session with policies is less."""
    administrator = f"arn:aws:iam::{parts.settings.account}:user/{ADMINISTRATOR}"
    whole = principal.grants == administrator and not principal.session_policies
    return whole and job.account == parts.settings.account
