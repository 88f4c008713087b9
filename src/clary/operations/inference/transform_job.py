"""What calls about transform jobs decide; keeping, describing and listing them is `crud`'s."""

from __future__ import annotations

from dataclasses import replace

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations import references
from clary.operations.inference.model import refuse_many
from clary.operations.model_registry.packaged import containers_of
from clary.operations.registry import Call, before, completes, operation
from clary.resources.experiments.experiment import EXPERIMENT
from clary.resources.experiments.trial import TRIAL
from clary.resources.experiments.trial_component import TRIAL_COMPONENT
from clary.resources.inference.model import MODEL
from clary.resources.inference.transform_job import TRANSFORM_JOB
from clary.runtime.transform.jsonpath import Path, PathError, parse, places_of
from clary.runtime.transform.processing import form_of
from clary.runtime.transform.splitting import LARGEST_MB

DEFAULT_PAYLOAD_MB = 6
_FORMS = "text/csv, application/json or application/jsonlines"
_KEYS = "objects are not encrypted with keys of KMS; leave it out."
_RESOURCES = {"VolumeKmsKeyId": _KEYS, "TransformAmiVersion": "leave it out."}


@before("sagemaker", "CreateTransformJob")
def check(call: Call) -> None:
    """Refuse a job that could not run as it was asked for."""
    request = call.request
    output, given = request["TransformOutput"], request["TransformInput"]
    references.refuse(request["TransformResources"], _RESOURCES, "TransformResources.")
    references.refuse(output, {"KmsKeyId": _KEYS}, "TransformOutput.")
    _check_source(given["DataSource"]["S3DataSource"])
    _check_payload(request)
    _check_strategy(request.get("BatchStrategy"), given.get("SplitType", "None"))
    _check_processing(request)
    model = call.records.get(MODEL, request).doc
    if len(containers_of(model)) > 1:
        raise ValidationError(
            f"The model {request['ModelName']!r} has several containers; transform jobs run models of one "
            "container here. Make a model of each, and a job for each."
        )
    refuse_many(model, "transform jobs")
    role = model["ExecutionRoleArn"]
    named = _as(call, role)
    references.bucket(named, output["S3OutputPath"], "TransformOutput.S3OutputPath")
    if capture := request.get("DataCaptureConfig"):
        references.bucket(named, capture["DestinationS3Uri"], "DataCaptureConfig.DestinationS3Uri")
    _check_experiment(call, request.get("ExperimentConfig", {}))


@completes("sagemaker", "CreateTransformJob")
def complete(call: Call) -> Document:
    """Keep the model as it is now: the job uses that, whatever becomes of the record."""
    found = call.records.get(MODEL, call.request)
    model = {
        "Container": containers_of(found.doc)[0],
        "Role": found.doc["ExecutionRoleArn"],
        "Isolated": found.doc.get("EnableNetworkIsolation", False),
        "ModelArn": found.arn,
    }
    return {"_Model": model, "DataProcessing": call.request.get("DataProcessing", {})}


@operation("sagemaker", "StopTransformJob")
def stop(call: Call) -> None:
    """Ask a job to stop; one that has ended or is stopping stays as it is."""
    with call.records.database.write():
        job = call.records.get(TRANSFORM_JOB, call.request)
        if job.status == "InProgress":
            call.records.update(job, {"TransformJobStatus": "Stopping"}, due=call.clock.now())


def _as(call: Call, role: str) -> Call:
    """Return the call as references check it: with the model's role, which reads and writes for the job."""
    return replace(call, request={**call.request, "RoleArn": role})


def _check_source(source: Document) -> None:
    if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        raise ValidationError(
            f"S3DataType is {source['S3DataType']}; a transform job reads an S3Prefix or a ManifestFile."
        )
    references.split(source["S3Uri"], "TransformInput.DataSource.S3DataSource.S3Uri")


def _check_payload(request: Document) -> None:
    payload = request.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB)
    concurrent = request.get("MaxConcurrentTransforms") or 1
    if payload > LARGEST_MB:
        raise ValidationError(f"MaxPayloadInMB is {payload}; it cannot be greater than {LARGEST_MB}.")
    if payload * concurrent > LARGEST_MB:
        raise ValidationError(
            f"MaxConcurrentTransforms * MaxPayloadInMB is {concurrent} * {payload} = {concurrent * payload}; "
            f"it cannot exceed {LARGEST_MB} MB."
        )


def _check_strategy(strategy: str | None, split: str) -> None:
    if strategy == "SingleRecord" and split == "None":
        raise ValidationError(
            "BatchStrategy SingleRecord needs records: set TransformInput.SplitType to Line, RecordIO or "
            "TFRecord."
        )


def _check_processing(request: Document) -> None:
    """Refuse filters that are none, and forms of data that have no fields to choose from."""
    given, output = request["TransformInput"], request["TransformOutput"]
    processing, split = request.get("DataProcessing", {}), given.get("SplitType", "None")
    read, wrote = (_path(processing, member) for member in ("InputFilter", "OutputFilter"))
    join = processing.get("JoinSource") == "Input"
    named = request.get("DataCaptureConfig", {}).get("GenerateInferenceId", False)
    content = form_of(given.get("ContentType", ""), split)
    accept = form_of(output.get("Accept") or given.get("ContentType", ""), split)
    if content == "other" and (join or not read.whole):
        raise ValidationError(
            f"TransformInput.ContentType is {given.get('ContentType', '')!r}; DataProcessing needs {_FORMS}."
        )
    if accept == "other" and (join or named or not wrote.whole):
        raise ValidationError(
            f"TransformOutput.Accept is {output.get('Accept', '')!r}; to filter, join or name what is "
            f"written it must be {_FORMS}."
        )
    if join and (content == "csv") != (accept == "csv"):
        raise ValidationError(
            f"TransformInput.ContentType is {given['ContentType']!r} and TransformOutput.Accept "
            f"{output['Accept']!r}; to join them both must be text/csv, or both JSON."
        )
    for path, form in ((read, content), (wrote, accept)):
        if form == "csv":
            _check_columns(path)


def _path(processing: Document, member: str) -> Path:
    try:
        return parse(processing.get(member) or "$")
    except PathError as error:
        raise ValidationError(f"Invalid {member}: {error}") from error


def _check_columns(path: Path) -> None:
    """Refuse a path that cannot choose columns, however many there are."""
    try:
        places_of(path)
    except PathError as error:
        raise ValidationError(str(error)) from error


def _check_experiment(call: Call, config: Document) -> None:
    for member, resource in (("ExperimentName", EXPERIMENT), ("TrialName", TRIAL)):
        if member in config:
            call.records.get(resource, config)
    if "RunName" in config:
        call.records.get(TRIAL_COMPONENT, {"TrialComponentName": config["RunName"]})
