"""The lineage group of each account and region: there is one, and nobody has to create it."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ResourceNotFound
from clary.engines.lineage.entities import GROUP, group_arn
from clary.operations import crud, kinds
from clary.operations.registry import Call, operation
from clary.operations.resource_policy import POLICY
from clary.resources.lineage.lineage_group import LINEAGE_GROUP
from clary.store.record import Record
from clary.store.records import Records

KIND = kinds.of(LINEAGE_GROUP)


@operation("sagemaker", "DescribeLineageGroup")
def describe(call: Call) -> Document:
    """Tell of the account's group, or of another account's that was shared."""
    if call.request["LineageGroupName"] == GROUP:
        ensure(call.records)
    return crud.describe(KIND, call)


@operation("sagemaker", "ListLineageGroups")
def page(call: Call) -> Document:
    """List the account's group."""
    told = crud.page(KIND, call)  # refuses what is wrong before anything is written
    if call.records.find(LINEAGE_GROUP, GROUP) is None:
        ensure(call.records)
        told = crud.page(KIND, call)
    return told


@operation("sagemaker", "GetLineageGroupPolicy")
def policy(call: Call) -> Document:
    """Answer the policy that shares the group, which one that is not shared does not have."""
    group = crud.named(KIND, call)
    if POLICY not in group.doc:
        raise ResourceNotFound(f"The lineage group {group.arn} has no resource policy.")
    return {"LineageGroupArn": group.arn, "ResourcePolicy": group.doc[POLICY]}


def ensure(records: Records) -> Record:
    """Return the account's group, made when it is first asked for."""
    found = records.find(LINEAGE_GROUP, GROUP)
    if found is not None:
        return found
    with records.database.write():
        arn = group_arn(records.account, records.region)
        doc = {"LineageGroupName": GROUP, "LineageGroupArn": arn, "DisplayName": GROUP}
        return records.find(LINEAGE_GROUP, GROUP) or records.create(LINEAGE_GROUP, doc)
