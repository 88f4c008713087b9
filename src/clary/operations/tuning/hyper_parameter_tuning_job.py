"""What calls about tuning jobs decide; keeping, describing and listing them is `crud`'s."""

from __future__ import annotations

from dataclasses import asdict

from clary.core.document import Document
from clary.core.errors import ResourceInUse
from clary.engines.tuning.trial_request import described
from clary.engines.tuning.trials import definitions
from clary.engines.tuning.warm_start import taken_over
from clary.operations.registry import Call, before, completes, operation
from clary.operations.tuning.check import check_tuning_job, own_metrics
from clary.operations.tuning.parents import parents
from clary.resources.tuning.hyper_parameter_tuning_job import HYPER_PARAMETER_TUNING_JOB

_FILLED = ("StaticHyperParameters", "ResourceConfig", "AlgorithmSpecification")
DONE = ("Completed", "Failed", "Stopped")


@before("sagemaker", "CreateHyperParameterTuningJob")
def check_create(call: Call) -> None:
    """Refuse a job that could not run as it was asked for."""
    check_tuning_job(call)


@completes("sagemaker", "CreateHyperParameterTuningJob")
def complete(call: Call) -> Document:
    """Remember in whose name and with which tags trials are created, and what comes from the parents."""
    inherited = [parent.doc for parent in parents(call)]
    return {
        "_Caller": asdict(call.principal),
        "_Tags": call.request.get("Tags", []),
        **_told(call),
        **(taken_over(inherited) if inherited else {}),
    }


def _told(call: Call) -> Document:
    """Return the definitions as they were asked for, and as Describe tells them."""
    many, one = call.request.get("TrainingJobDefinitions", []), call.request.get("TrainingJobDefinition")
    asked = many or [one]
    whole = [
        {**given, **{name: value for name, value in told.items() if name in given or name in _FILLED}}
        for given, each in zip(asked, definitions(call.request), strict=True)
        if (told := described(each, own_metrics(call, each)))
    ]
    member = {"TrainingJobDefinitions": whole} if many else {"TrainingJobDefinition": whole[0]}
    return {"_Asked": asked, **member}


@operation("sagemaker", "StopHyperParameterTuningJob")
def stop(call: Call) -> None:
    """Ask a job to stop; one that has ended or is stopping stays as it is."""
    with call.records.database.write():
        job = call.records.get(HYPER_PARAMETER_TUNING_JOB, call.request)
        if job.status == "InProgress":
            stopping = {"HyperParameterTuningJobStatus": "Stopping"}
            call.records.update(job, stopping, due=call.clock.now())


@before("sagemaker", "DeleteHyperParameterTuningJob")
def check_delete(call: Call) -> None:
    """Refuse to forget a job that has not ended."""
    job = call.records.get(HYPER_PARAMETER_TUNING_JOB, call.request)
    if job.status not in DONE:
        raise ResourceInUse(
            f"The hyperparameter tuning job {job.arn} is {job.status}. Only a job that is Completed, Failed "
            "or Stopped can be deleted; stop it first."
        )
