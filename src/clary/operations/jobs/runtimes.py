"""Calls to jobs, training sessions and routers that run: none does, and each says so."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ApiError, ValidationError
from clary.operations.registry import Call, operation
from clary.resources.inference.inference_router import INFERENCE_ROUTER
from clary.resources.jobs.job import JOB
from clary.resources.jobs.training_session import TRAINING_SESSION
from clary.store.record import Record

JOBS, SESSIONS = "sagemakerjobruntime", "sagemakertrainingsessionruntime"
ROUTERS = "sagemaker-inference-router-runtime"
_SEE = "Clary does not run it yet; see docs/reference/operations.md."


def job(call: Call) -> Document:
    """Refuse a call to a job: it has failed, or is not there."""
    found = call.records.by_arn(call.request["JobArn"])
    if found is None or found.kind != JOB.kind:
        raise _missing(f"There is no job {call.request['JobArn']}.")
    raise ValidationError(f"The job {found.arn} is {found.status}. {_SEE}")


def session(call: Call) -> Document:
    """Refuse a call to a training session: it has failed, or is not there."""
    found = _session(call)
    raise ApiError(
        f"The training session {found.arn} is {found.status}. {_SEE}", code="ConflictException", status=409
    )


def result(call: Call) -> Document:
    """Refuse to tell of an operation: no session takes any."""
    found = _session(call)
    raise _missing(f"The training session {found.arn} has no operation {call.request['operationId']}.")


def router(call: Call) -> Document:
    """Refuse a prediction: the router has failed, or is not there."""
    name = call.request["InferenceRouterName"]
    found = call.records.find(INFERENCE_ROUTER, name)
    if found is None:
        raise ValidationError(f"There is no inference router named {name}.")
    raise ValidationError(f"The inference router {found.arn} is {found.status}. {_SEE}")


for _name in ("CompleteRollout", "Sample", "SampleWithResponseStream", "UpdateReward"):
    operation(JOBS, _name, level="stored")(job)
for _name in ("ExecuteSamplingOperation", "ExecuteTrainingOperation"):
    operation(SESSIONS, _name, level="stored")(session)
for _name in ("SampleTrainingSession", "SampleTrainingSessionWithResponseStream"):
    operation(SESSIONS, _name, level="stored")(session)
for _name in ("GetSamplingOperationResult", "GetTrainingOperationResult"):
    operation(SESSIONS, _name, level="stored")(result)
for _name in ("InvokeInferenceRouter", "InvokeInferenceRouterAsync"):
    operation(ROUTERS, _name, level="stored")(router)


def _session(call: Call) -> Record:
    name = call.request["trainingSessionName"]
    found = call.records.find(TRAINING_SESSION, name)
    if found is None:
        raise _missing(f"There is no training session named {name}.")
    return found


def _missing(words: str) -> ApiError:
    return ApiError(words, code="ResourceNotFoundException", status=404)
