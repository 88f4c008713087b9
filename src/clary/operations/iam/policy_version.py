"""Versions of managed policies; the default one counts."""

from __future__ import annotations

from clary.core.document import Document
from clary.operations.iam.answers import absent, conflict, limit, mine, page
from clary.operations.iam.documents import checked_size, encoded
from clary.operations.iam.grants import VERSIONS
from clary.operations.iam.managed import MANAGED, Managed
from clary.operations.iam.policy import own, refuse_managed
from clary.operations.registry import Call, operation
from clary.store.records import Record

VERSIONS_LIMIT = 5
_LAST = 10**9  # No policy has that many versions.


@operation("iam", "GetPolicyVersion")
def get_policy_version(call: Call) -> Document:
    """Answer one version with its document, percent-encoded."""
    arn, wanted = call.request["PolicyArn"], call.request["VersionId"]
    if arn in MANAGED and wanted == "v1":
        policy = MANAGED[arn]
        return {"PolicyVersion": {**only(policy), "Document": encoded(policy.document)}}
    if arn in MANAGED:
        raise _absent(arn, wanted)
    record = own(call)
    version = _version(record, wanted)
    return {"PolicyVersion": {**shown(record, version), "Document": encoded(version["Document"])}}


@operation("iam", "ListPolicyVersions")
def list_policy_versions(call: Call) -> Document:
    """List a policy's versions."""
    arn = call.request["PolicyArn"]
    if arn in MANAGED:
        return page(call, "Versions", [("v1", only(MANAGED[arn]))])
    record = own(call)
    newest_first = [
        (f"{_LAST - int(v['VersionId'][1:]):09d}", shown(record, v)) for v in record.doc[VERSIONS]
    ]
    return page(call, "Versions", newest_first)


@operation("iam", "CreatePolicyVersion")
def create_policy_version(call: Call) -> Document:
    """Add a version, and make it the default when asked."""
    records, now = mine(call), call.clock.now().replace(microsecond=0)
    refuse_managed(call)
    document = checked_size(call.request["PolicyDocument"])
    with records.database.write():
        record = own(call)
        versions = record.doc[VERSIONS]
        if len(versions) >= VERSIONS_LIMIT:
            raise limit(
                f"A managed policy can have up to {VERSIONS_LIMIT} versions. Before you create a new "
                "version, you must delete an existing version."
            )
        number = record.doc.get("_LastVersion", 1) + 1
        version = {"VersionId": f"v{number}", "Document": document, "CreateDate": now}
        changes: Document = {VERSIONS: [*versions, version], "_LastVersion": number, "UpdateDate": now}
        if call.request.get("SetAsDefault"):
            changes["DefaultVersionId"] = version["VersionId"]
        record = records.update(record, changes)
    return {"PolicyVersion": shown(record, version)}


@operation("iam", "SetDefaultPolicyVersion")
def set_default_policy_version(call: Call) -> None:
    """Say which version counts."""
    records = mine(call)
    refuse_managed(call)
    with records.database.write():
        record = own(call)
        version = _version(record, call.request["VersionId"])
        now = call.clock.now().replace(microsecond=0)
        records.update(record, {"DefaultVersionId": version["VersionId"], "UpdateDate": now})


@operation("iam", "DeletePolicyVersion")
def delete_policy_version(call: Call) -> None:
    """Delete a version that is not the default."""
    records = mine(call)
    refuse_managed(call)
    with records.database.write():
        record = own(call)
        version = _version(record, call.request["VersionId"])
        if version["VersionId"] == record.doc["DefaultVersionId"]:
            raise conflict("Cannot delete the default version of a policy.")
        kept = [item for item in record.doc[VERSIONS] if item["VersionId"] != version["VersionId"]]
        records.update(record, {VERSIONS: kept})


def only(policy: Managed) -> Document:
    """Return the one version of one of AWS's own policies, without its document."""
    return {"VersionId": "v1", "IsDefaultVersion": True, "CreateDate": policy.since}


def _newest_first(version: Document) -> str:
    return f"{_LAST - int(version['VersionId'][1:]):09d}"


def _version(record: Record, wanted: str) -> Document:
    for version in record.doc[VERSIONS]:
        if version["VersionId"] == wanted:
            found: Document = version
            return found
    raise _absent(record.arn, wanted)


def _absent(arn: str, wanted: str) -> Exception:
    return absent(f"Policy {arn} version {wanted} does not exist or is not attachable.")


def shown(record: Record, version: Document) -> Document:
    """Return what IAM tells of a version, without its document."""
    default = version["VersionId"] == record.doc["DefaultVersionId"]
    return {
        "VersionId": version["VersionId"],
        "IsDefaultVersion": default,
        "CreateDate": version["CreateDate"],
    }
