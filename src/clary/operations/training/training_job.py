"""What calls about training jobs decide; keeping, describing and listing them is `crud`'s."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ResourceInUse, ValidationError
from clary.operations import references
from clary.operations.model_registry.algorithm_specification import check_metrics
from clary.operations.registry import Call, before, completes, operation
from clary.operations.training import algorithm, channels, hosts
from clary.resources.experiments.experiment import EXPERIMENT
from clary.resources.experiments.trial import TRIAL
from clary.resources.experiments.trial_component import TRIAL_COMPONENT
from clary.resources.training.training_job import TRAINING_JOB
from clary.store.records import Record

DONE = ("Completed", "Failed", "Stopped")
LONGEST_RUN = 28 * 86_400  # seconds; the API reference's limit on MaxRuntimeInSeconds

_UNBUILT = {
    "DebugRuleConfigurations": "debugger rules are not run; leave them out.",
    "ProfilerRuleConfigurations": "profiler rules are not run; leave them out.",
    "SessionChainingConfig": "leave it out.",
    "ServerlessJobConfig": "name an image in AlgorithmSpecification and instances in ResourceConfig.",
    "MlflowConfig": "leave it out.",
    "ModelPackageConfig": "create the model package after the job.",
}
_SAVED = {"CheckpointConfig": "S3Uri", "TensorBoardOutputConfig": "S3OutputPath"}
_UNBUILT_RESOURCES = {
    "InstancePreferences": "use InstanceType.",
    "InstancePlacementConfig": "leave it out.",
    "TrainingPlanArn": "leave it out.",
    "VolumeKmsKeyId": "volumes are not encrypted with keys of KMS; leave it out.",
}
_UNBUILT_ALGORITHM = {
    "TrainingImageConfig": "images are resolved here, there is no private registry; leave it out.",
}


@before("sagemaker", "CreateTrainingJob")
def check(call: Call) -> None:
    """Refuse a job that could not run as it was asked for."""
    request = call.request
    _check_algorithm(call, request.get("AlgorithmSpecification", {}))
    if "AlgorithmName" in request["AlgorithmSpecification"]:
        algorithm.check(call, request)
    _check_resources(request.get("ResourceConfig"))
    _check_limits(request)
    references.refuse({**request, **_switches(request)}, _UNBUILT)
    references.role(call, request["RoleArn"])
    _check_experiment(call, request.get("ExperimentConfig", {}))
    _check_output(call, request["OutputDataConfig"])
    _check_saved(call, request)
    channels.check(call, request)


@completes("sagemaker", "CreateTrainingJob")
def complete(call: Call) -> Document:
    """Take over what the algorithm that the job names says, or the own image."""
    named = "AlgorithmName" in call.request.get("AlgorithmSpecification", {})
    return algorithm.resolved(call, call.request) if named else algorithm.of_image(call, call.request)


@operation("sagemaker", "StopTrainingJob")
def stop(call: Call) -> None:
    """Ask a job to stop; one that has ended or is stopping stays as it is."""
    with call.records.database.write():
        job = call.records.get(TRAINING_JOB, call.request)
        if job.status == "InProgress":
            stopping = {"TrainingJobStatus": "Stopping", "SecondaryStatus": "Stopping"}
            call.records.update(job, stopping, due=call.clock.now())


@before("sagemaker", "DeleteTrainingJob")
def check_delete(call: Call) -> None:
    """Refuse to forget a job that has not ended."""
    job = call.records.get(TRAINING_JOB, call.request)
    if job.status not in DONE:
        raise ResourceInUse(
            f"The training job {job.arn} is {job.status}. Only a job that is Completed, Failed or Stopped "
            "can be deleted; stop it first."
        )
    if job.doc.get("WarmPoolStatus", {}).get("Status") == "Available":
        raise ResourceInUse(
            f"The training job {job.arn} retains an available warm pool. End it first: set "
            "ResourceConfig.KeepAlivePeriodInSeconds to 0 with UpdateTrainingJob."
        )


@operation("sagemaker", "UpdateTrainingJob")
def update(call: Call) -> Document:
    """Change a warm pool's time, remote debugging, or the profiler's settings, which are only kept."""
    request = call.request
    unbuilt = ("ProfilerRuleConfigurations",)
    references.refuse(request, {name: _UNBUILT[name] for name in unbuilt})
    with call.records.database.write():
        job = call.records.get(TRAINING_JOB, request)
        if "ProfilerConfig" in request:
            if job.status != "InProgress":
                raise ValidationError(
                    f"The training job {job.arn} is {job.status}; only one that is InProgress has a profiler."
                )
            config = {**job.doc.get("ProfilerConfig", {}), **request["ProfilerConfig"]}
            job = call.records.update(job, {"ProfilerConfig": config})
        if "RemoteDebugConfig" in request:
            if job.doc["SecondaryStatus"] not in ("Downloading", "Training"):  # evidence/remote-debug.md
                raise ValidationError(
                    f"The secondary status of the training job {job.arn} is {job.doc['SecondaryStatus']}; "
                    "RemoteDebugConfig can be updated while it is Downloading or Training."
                )
            debug = {**job.doc.get("RemoteDebugConfig", {}), **request["RemoteDebugConfig"]}
            job = call.records.update(job, {"RemoteDebugConfig": debug})
        if "ResourceConfig" in request:
            _keep_pool(call, job, request["ResourceConfig"]["KeepAlivePeriodInSeconds"])
    return {"TrainingJobArn": job.arn}


def _keep_pool(call: Call, job: Record, seconds: int) -> None:
    pool = job.doc.get("WarmPoolStatus", {}).get("Status")
    if pool not in ("InUse", "Available"):  # evidence/warm-pools.md
        raise ValidationError(
            f"The training job {job.arn} has no warm pool to update: its status is {pool or 'none'}, and it "
            "must be InUse or Available. Set KeepAlivePeriodInSeconds when creating a job to have one."
        )
    resources = {**job.doc["ResourceConfig"], "KeepAlivePeriodInSeconds": seconds}
    call.records.update(job, {"ResourceConfig": resources}, due=call.clock.now())


def _check_algorithm(call: Call, source: Document) -> None:
    if ("TrainingImage" in source) == ("AlgorithmName" in source):
        raise ValidationError("Give exactly one of TrainingImage and AlgorithmName.")
    references.refuse(source, _UNBUILT_ALGORITHM, "AlgorithmSpecification.")
    check_metrics(source.get("MetricDefinitions", ()))
    if "TrainingImage" in source:
        references.image(call, source["TrainingImage"])


def _check_resources(resources: Document | None) -> None:
    if not resources:
        raise ValidationError("ResourceConfig is missing: name an InstanceType and an InstanceCount.")
    references.refuse(resources, _UNBUILT_RESOURCES, "ResourceConfig.")
    hosts.check(resources)


def _check_experiment(call: Call, config: Document) -> None:
    """Refuse names of what is not there; the job's lineage associates it once the job is created."""
    for member, resource in (("ExperimentName", EXPERIMENT), ("TrialName", TRIAL)):
        if member in config:
            call.records.get(resource, config)
    if "RunName" in config:
        call.records.get(TRIAL_COMPONENT, {"TrialComponentName": config["RunName"]})


def _check_limits(request: Document) -> None:
    limits = request.get("StoppingCondition", {})
    runtime, wait = limits.get("MaxRuntimeInSeconds", 86_400), limits.get("MaxWaitTimeInSeconds")
    if runtime > LONGEST_RUN:
        raise ValidationError(f"MaxRuntimeInSeconds is {runtime}; it may be at most {LONGEST_RUN}.")
    spot = request.get("EnableManagedSpotTraining", False)
    if spot and (wait is None or wait < runtime):
        raise ValidationError(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to "
            "MaxRuntimeInSeconds"
        )
    if spot and request["ResourceConfig"].get("KeepAlivePeriodInSeconds"):  # evidence/warm-pools.md
        raise ValidationError(
            "ResourceConfig.KeepAlivePeriodInSeconds cannot be used with EnableManagedSpotTraining: spot "
            "capacity is not retained. Leave one of them out."
        )
    if wait is not None and not spot:
        raise ValidationError("MaxWaitTimeInSeconds requires EnableManagedSpotTraining to be true.")


def _switches(request: Document) -> Document:
    """Return members that are structures around one switch, as nothing where it is off."""
    chaining = request.get("SessionChainingConfig", {}).get("EnableSessionTagChaining", False)
    return {"SessionChainingConfig": chaining}


def _check_saved(call: Call, request: Document) -> None:
    """Refuse directories that could not be kept in S3 while the job runs."""
    paths = [request.get(name, {}).get("LocalPath", "").rstrip("/") for name in _SAVED]
    if paths[0] and paths[0] == paths[1]:
        raise ValidationError(
            f"CheckpointConfig.LocalPath and TensorBoardOutputConfig.LocalPath are both {paths[0]!r}; "
            "name two."
        )
    for config, member in _SAVED.items():
        if config not in request:
            continue
        references.bucket(call, request[config][member], f"{config}.{member}")
        path = request[config].get("LocalPath") or "/opt/ml/checkpoints"
        top = path.removeprefix("/opt/ml/").split("/")
        if not path.startswith("/opt/ml/") or not top[0] or ".." in top or top[0] == "input":
            raise ValidationError(
                f"{config}.LocalPath is {path!r}; Clary keeps what is in a directory below /opt/ml, except "
                "/opt/ml/input. Leave it out, or name one there."
            )


def _check_output(call: Call, output: Document) -> None:
    references.refuse(
        output, {"KmsKeyId": "objects are not encrypted with keys of KMS; leave it out."}, "OutputDataConfig."
    )
    references.bucket(call, output["S3OutputPath"], "OutputDataConfig.S3OutputPath")
