"""Roles that belong to a service: made and deleted by calls of their own, changed by nobody."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from clary.core import ids
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.iam.answers import PATH_OF_SERVICES, absent, invalid, mine
from clary.operations.iam.grants import ATTACHED, INLINE
from clary.operations.iam.managed import MANAGED, PREFIX
from clary.operations.iam.role import SESSION_SECONDS, shown
from clary.operations.registry import Call, operation
from clary.resources.iam.role import ROLE


@dataclass(frozen=True)
class Linked:
    """The role of one service."""

    name: str
    policy: str


LINKED: Mapping[str, Linked] = {
    "sagemaker.amazonaws.com": Linked(
        "AWSServiceRoleForAmazonSageMakerNotebooks", "AmazonSageMakerNotebooksServiceRolePolicy"
    ),
    "sagemaker.application-autoscaling.amazonaws.com": Linked(
        "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
        "AWSApplicationAutoscalingSageMakerEndpointPolicy",
    ),
}
"""Services that have such a role, as far as this server has the services."""


@operation("iam", "CreateServiceLinkedRole")
def create_service_linked_role(call: Call) -> Document:
    """Create the role of a service; there is one at most."""
    service = call.request["AWSServiceName"]
    linked = LINKED.get(service)
    if linked is None:
        known = ", ".join(sorted(LINKED))
        raise invalid(f"Service role name for {service} cannot be created: this server knows {known}.")
    if call.request.get("CustomSuffix"):
        raise invalid("Custom suffix is not allowed for " + service)
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    records = mine(call)
    doc: Document = {
        "Path": f"{PATH_OF_SERVICES}{service}/",
        "RoleName": linked.name,
        "RoleId": ids.identity_id("AROA"),
        "CreateDate": call.clock.now().replace(microsecond=0),
        "AssumeRolePolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        "MaxSessionDuration": SESSION_SECONDS,
        INLINE: {},
        ATTACHED: [arn for arn in (f"{PREFIX}aws-service-role/{linked.policy}",) if arn in MANAGED],
    }
    if call.request.get("Description"):
        doc["Description"] = call.request["Description"]
    doc["Arn"] = records.arn(ROLE, doc)
    with records.database.write():
        if records.find(ROLE, linked.name) is not None:
            raise invalid(f"Service role name {linked.name} has been taken in this account.")
        return {"Role": shown(records.create(ROLE, doc))}


@operation("iam", "DeleteServiceLinkedRole")
def delete_service_linked_role(call: Call) -> Document:
    """Delete a service's role at once; the task's status says so."""
    records = mine(call)
    with records.database.write():
        role = records.get(ROLE, call.request)
        if not role.doc["Path"].startswith(PATH_OF_SERVICES):
            raise ApiError(
                f"The role {role.name} is not linked to a service; DeleteRole deletes it.",
                code="InvalidInput",
                status=400,
            )
        records.delete(role)
    return {"DeletionTaskId": f"task{role.doc['Path']}{role.name}/{ids.request_id()}"}


@operation("iam", "GetServiceLinkedRoleDeletionStatus")
def get_service_linked_role_deletion_status(call: Call) -> Document:
    """Answer SUCCEEDED for a deletion's task: DeleteServiceLinkedRole deletes before it answers."""
    task = call.request["DeletionTaskId"]
    parts = task.split("/")
    if len(parts) != 5 or not task.startswith(f"task{PATH_OF_SERVICES}") or parts[2] not in LINKED:
        raise absent(f"The deletion task {task} cannot be found.")
    return {"Status": "SUCCEEDED"}
