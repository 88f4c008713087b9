"""What model packages leave in the lineage: themselves, what they are made of, and every approval.

Names, types and directions: evidence/automatic-lineage.md.
"""

from __future__ import annotations

from datetime import datetime

from clary.core.document import Document
from clary.engines.lineage.deployment import parts
from clary.engines.lineage.trace import ASSOCIATED, CONTRIBUTED, Entity, Trace, artifact

PENDING = "PendingManualApproval"


def of_model_package(arn: str, doc: Document) -> Trace:
    """Return what a package leaves behind: its artifact, its images and data, its place in a group."""
    found = Trace()
    package = found.add(artifact(arn, "Model", doc["ModelPackageName"].replace("/", "-")))
    specification = doc.get("InferenceSpecification") or {}
    for container in specification.get("Containers", ()):
        for part in parts(container):
            found.link(found.add(part), package, CONTRIBUTED)
    if "ModelPackageVersion" in doc:
        _in_group(found, package, arn, doc)
    return found


def _in_group(found: Trace, package: Entity, arn: str, doc: Document) -> None:
    called = doc["ModelPackageName"].replace("/", "-")
    source = {"SourceUri": arn, "SourceType": "ARN"}
    name = f"{called}-aws-model-group"
    new: Document = {"ContextName": name, "ContextType": "ModelGroup", "Source": source}
    if execution := doc.get("_PipelineExecution"):
        new["Properties"] = {"PipelineExecutionArn": execution}
    found.link(package, found.add(Entity("Context", name, new)), ASSOCIATED)
    for number, entry in enumerate(doc.get("_Approvals", ())):
        if number or entry["ModelApprovalStatus"] != PENDING:  # a version begins as one that waits
            found.link(found.add(_approval(called, source, entry)), package, CONTRIBUTED)


def _approval(called: str, source: Document, entry: Document) -> Entity:
    status, when = entry["ModelApprovalStatus"], entry["Time"]
    name = f"{called}-{status}-{_seconds(when)}-aws-model-group"
    told = {"ModelApprovalStatus": status, "ApprovalDescription": entry.get("ApprovalDescription", "")}
    new: Document = {
        "ActionName": name,
        "ActionType": "Approval",
        "Source": source,
        "Status": "Completed",
        "Properties": {member: value for member, value in told.items() if value},
        "CreatedBy": entry["By"],
        "CreationTime": when,
    }
    return Entity("Action", name, new)


def _seconds(when: datetime) -> int:
    return int(when.timestamp())
