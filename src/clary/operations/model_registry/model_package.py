"""Model packages: created as the next version of a group or under a name of their own, found and listed."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from botocore.model import MapShape

from clary.core.document import Document, dumps
from clary.core.errors import ApiError, ValidationError
from clary.operations import crud, references
from clary.operations.kinds import members, of, project
from clary.operations.model_registry import (
    card_content,
    card_facts,
    model_package_group,
    package_contents,
    packaged,
)
from clary.operations.registry import Call, operation
from clary.resources.model_registry.model_package import MODEL_PACKAGE
from clary.store.records import Filter, Record, Records
from clary.wire import models

LAST = "_LastVersion"  # The group's member that remembers the number given last; none is given twice.
APPROVALS = "_Approvals"  # The package's member that keeps every approval status it had, oldest first.
_UNBUILT = {
    "CertifyForMarketplace": "there is no marketplace to certify it for; leave it out.",
    "ValidationSpecification": "a package is not run to validate it. Leave it out; run a transform job of "
    "a model of the same containers instead.",
}


@operation("sagemaker", "CreateModelPackage")
def create(call: Call) -> Document:
    """Register a package: the next version of its group, or a name of its own.

    A request repeated with the same token answers what the first one did.
    """
    request = call.request
    _check(request)
    doc = package_contents.sourced(call)
    doc |= package_contents.checked(call, doc)
    doc |= _card(call, doc)
    doc |= {member: crud.signature(call.principal) for member in ("CreatedBy", "LastModifiedBy")}
    doc[crud.REQUEST] = hashlib.sha256(dumps(request).encode()).hexdigest()
    with call.records.database.write():
        record = _versioned(call, doc) if "ModelPackageGroupName" in request else _unversioned(call, doc)
    return {"ModelPackageArn": record.arn}


@operation("sagemaker", "DescribeModelPackage")
def describe(call: Call) -> Document:
    """Answer all that is known of a package; MetadataOnly leaves out most of its card."""
    told = crud.describe(of(MODEL_PACKAGE), call)
    if call.request.get("IncludedData") == "MetadataOnly" and "ModelCard" in told:
        told["ModelCard"] = card_content.metadata_only(told["ModelCard"], "ModelCardContent")
    return told


@operation("sagemaker", "ListModelPackages")
def page(call: Call) -> Document:
    """Answer packages without versions; those of a group where one is named; both kinds when asked."""
    request = dict(call.request)
    name = request.pop("ModelPackageGroupName", None)
    which = request.pop("ModelPackageType", "Versioned" if name else "Unversioned")
    where, records = [], call.records
    if name:
        group = model_package_group.find(call, name)
        where += model_package_group.versions(group.name)
        records = records.scoped(group.account, group.region)
    if which != "Both":
        # By the index of names, of which a version's has a slash: most packages may be of the other sort.
        where.append(Filter("ModelPackageName", "lacks" if which == "Unversioned" else "contains", "/"))
    told = crud.page(of(MODEL_PACKAGE), replace(call, request=request, records=records), where)
    for summary in told["ModelPackageSummaryList"]:
        if "ModelPackageVersion" in summary:
            del summary["ModelPackageName"]  # evidence/model-package-names.md
    return told


@operation("sagemaker", "BatchDescribeModelPackage")
def describe_many(call: Call) -> Document:
    """Answer each version by its ARN; what cannot be answered is an error of its own."""
    answer = models.service(call.service).operation_model(call.operation).output_shape
    shape = members(answer)["ModelPackageSummaries"]
    found: Document = {}
    refused: Document = {}
    for arn in call.request["ModelPackageArnList"]:
        try:
            told = {"InferenceSpecification": {"Containers": []}, **_version(call, arn).doc}
            found[arn] = project(shape.value, told) if isinstance(shape, MapShape) else told
        except ApiError as error:
            refused[arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
    return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": refused}


def _version(call: Call, arn: str) -> Record:
    package = packaged.find(call, arn)
    if "ModelPackageVersion" not in package.doc:
        raise ValidationError(f"{arn} is not a version of a model package group.")
    return package


def _check(request: Document) -> None:
    names = {"ModelPackageName", "ModelPackageGroupName"} & set(request)
    if len(names) == 2:  # evidence/registry-errors.md
        raise ValidationError(
            "Both ModelPackageName and ModelPackageGroupName are provided in the input. "
            "Cannot determine which one to use."
        )
    if not names:
        raise ValidationError("Missing ARN.")
    references.refuse(request, _UNBUILT)
    if "ModelCard" in request:
        card_content.check_packaged(request["ModelCard"].get("ModelCardContent"))


def _card(call: Call, doc: Document) -> Document:
    """Return a version's card: as it was given, with what was measured of the model."""
    given = call.request.get("ModelCard")
    if given is None and "ModelPackageGroupName" not in call.request:
        return {}
    content = card_facts.of_package(call, doc, (given or {}).get("ModelCardContent"))
    told = {"ModelCardStatus": "Draft", **(given or {}), **({"ModelCardContent": content} if content else {})}
    return {"ModelCard": told} if given is not None or content else {}


def _versioned(call: Call, doc: Document) -> Record:
    group = model_package_group.find(call)
    records = call.records.scoped(group.account, group.region)
    if token := doc.get("ClientToken"):
        asked = [*model_package_group.versions(group.name), Filter("ClientToken", "eq", token)]
        if found := records.page(MODEL_PACKAGE, where=asked, limit=1).records:
            return _repeated(found[0], doc)
    version = group.doc.get(LAST, 0) + 1
    call.records.update(group, {LAST: version}, touch=False)
    approval = doc.get("ModelApprovalStatus", "PendingManualApproval")
    return _keep(
        records,
        {
            **doc,
            "ModelPackageName": f"{group.name}/{version}",
            "ModelPackageGroupName": group.name,
            "ModelPackageVersion": version,
            "ModelApprovalStatus": approval,
            APPROVALS: [approval_of(call, approval)],
        },
    )


def _unversioned(call: Call, doc: Document) -> Record:
    found = call.records.find(MODEL_PACKAGE, doc["ModelPackageName"])
    if found is not None and "ClientToken" in doc and found.doc.get("ClientToken") == doc["ClientToken"]:
        return _repeated(found, doc)
    return _keep(call.records, doc)


def _keep(records: Records, doc: Document) -> Record:
    return records.create(MODEL_PACKAGE, {**doc, "ModelPackageArn": records.arn(MODEL_PACKAGE, doc)})


def _repeated(found: Record, doc: Document) -> Record:
    if found.doc[crud.REQUEST] != doc[crud.REQUEST]:
        raise ApiError(
            f"The ClientToken {doc['ClientToken']} was used for {found.arn} with another request.",
            code="ConflictException",
            status=400,
        )
    return found


def approval_of(call: Call, status: str, description: str | None = None) -> Document:
    """Return one entry of a package's approval history."""
    entry = {"ModelApprovalStatus": status, "Time": call.clock.now(), "By": crud.signature(call.principal)}
    return {**entry, "ApprovalDescription": description} if description is not None else entry
