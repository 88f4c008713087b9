"""What calls about processing jobs decide; keeping, describing and listing them is `crud`'s."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ResourceInUse, ValidationError
from clary.operations import references
from clary.operations.processing import paths
from clary.operations.registry import Call, before, completes, operation
from clary.resources.experiments.experiment import EXPERIMENT
from clary.resources.experiments.trial import TRIAL
from clary.resources.experiments.trial_component import TRIAL_COMPONENT
from clary.resources.processing.processing_job import PROCESSING_JOB
from clary.runtime import oci
from clary.runtime.images import ImageFile
from clary.runtime.network import MOST_HOSTS

DONE = ("Completed", "Failed", "Stopped")
LONGEST_RUN = 86_400  # seconds, where the caller names no limit; evidence/processing-container.md

_KEYS = "objects are not encrypted with keys of KMS; leave it out."
_UNBUILT_CLUSTER = {
    "InstancePreferences": "use InstanceType.",
    "VolumeKmsKeyId": "volumes are not encrypted with keys of KMS; leave it out.",
}


@before("sagemaker", "CreateProcessingJob")
def check(call: Call) -> None:
    """Refuse a job that could not run as it was asked for."""
    request = call.request
    _check_program(call, request["AppSpecification"])
    _check_cluster(request["ProcessingResources"]["ClusterConfig"])
    references.role(call, request["RoleArn"])
    _check_experiment(call, request.get("ExperimentConfig", {}))
    config = request.get("ProcessingOutputConfig", {})
    references.refuse(config, {"KmsKeyId": _KEYS}, "ProcessingOutputConfig.")
    given, made = request.get("ProcessingInputs", ()), config.get("Outputs", ())
    paths.check(given, made)
    for each in given:
        _check_input(call, each)
    for each in made:
        if not each.get("AppManaged"):
            where = f"S3Output.S3Uri of the output {each['OutputName']!r}"
            references.bucket(call, each["S3Output"]["S3Uri"], where)


@completes("sagemaker", "CreateProcessingJob")
def complete(call: Call) -> Document:
    """Say how long the job may run, where the caller left that open."""
    if "StoppingCondition" in call.request:
        return {}
    return {"StoppingCondition": {"MaxRuntimeInSeconds": LONGEST_RUN}}


@operation("sagemaker", "StopProcessingJob")
def stop(call: Call) -> None:
    """Ask a job to stop; one that has ended or is stopping stays as it is."""
    with call.records.database.write():
        job = call.records.get(PROCESSING_JOB, call.request)
        if job.status == "InProgress":
            call.records.update(job, {"ProcessingJobStatus": "Stopping"}, due=call.clock.now())


@before("sagemaker", "DeleteProcessingJob")
def check_delete(call: Call) -> None:
    """Refuse to forget a job that has not ended."""
    job = call.records.get(PROCESSING_JOB, call.request)
    if job.status not in DONE:
        raise ResourceInUse(
            f"The processing job {job.arn} is {job.status}. Only a job that is Completed, Failed or Stopped "
            "can be deleted; stop it first."
        )


def _check_program(call: Call, program: Document) -> None:
    """Refuse an image that nothing here can run, or that has nothing to run by itself."""
    uri = program["ImageUri"]
    references.image(call, uri)
    image = oci.resolve(uri, (call.settings.home.root / "images",))
    own = not isinstance(image, ImageFile) or "process" in image.programs
    if not own and "ContainerEntrypoint" not in program:
        raise ValidationError(
            f"The image {uri!r} has no program of its own for processing jobs. Name one in "
            "AppSpecification.ContainerEntrypoint, as the SDK's ScriptProcessor does for a script: "
            '["python3", "/opt/ml/processing/input/code/script.py"].'
        )


def _check_cluster(cluster: Document) -> None:
    references.refuse(cluster, _UNBUILT_CLUSTER, "ProcessingResources.ClusterConfig.")
    for member in ("InstanceType", "InstanceCount"):
        if member not in cluster:
            raise ValidationError(
                f"ProcessingResources.ClusterConfig has no {member}; name an InstanceType and an "
                "InstanceCount."
            )
    if cluster["InstanceCount"] > MOST_HOSTS:
        raise ValidationError(
            f"ClusterConfig asks for {cluster['InstanceCount']} instances; Clary runs at most {MOST_HOSTS} "
            "for one job, for all of them are shares of one machine. Use fewer."
        )


def _check_input(call: Call, given: Document) -> None:
    """Refuse data that is not there, or that could not be given to the program as it is asked for."""
    if given.get("AppManaged"):
        return
    source, where = given["S3Input"], f"The input {given['InputName']!r} has"
    if source.get("S3InputMode") == "Pipe":  # evidence/processing-container.md
        raise ValidationError(
            f"{where} the S3InputMode Pipe, which is not supported by Clary: nothing says where a "
            "processing program finds its pipe. Use File; large files are shown to the program, not copied."
        )
    if source.get("S3CompressionType") == "Gzip":
        raise ValidationError(
            f"{where} the S3CompressionType Gzip, which goes with the S3InputMode Pipe only. Leave it out, "
            "and let the program read the compressed files."
        )
    uri = source["S3Uri"]
    references.split(uri, f"S3Input.S3Uri of the input {given['InputName']!r}")
    references.prefix(call, uri, f"S3Uri of the input {given['InputName']!r}", call.request["RoleArn"])


def _check_experiment(call: Call, config: Document) -> None:
    """Refuse names of what is not there; the job's lineage associates it once the job is created."""
    for member, resource in (("ExperimentName", EXPERIMENT), ("TrialName", TRIAL)):
        if member in config:
            call.records.get(resource, config)
    if "RunName" in config:
        call.records.get(TRIAL_COMPONENT, {"TrialComponentName": config["RunName"]})
