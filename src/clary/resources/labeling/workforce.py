"""Workforces: the people who may label."""

from clary.resources.registry import register
from clary.resources.spec import Resource

WORKFORCE = register(
    Resource(
        kind="Workforce",
        arn="workforce/{WorkforceName}",
        envelope="Workforce",
        status="Status",
        initial={"Status": "Active"},
        shown={"CreateDate": "CreationTime", "LastUpdatedDate": "LastModifiedTime"},
        orders={"CreateDate": "CreationTime"},
        holds={"Workteam": {"WorkforceName": "WorkforceName"}},
        held="ValidationException",
        missing="ValidationException",  # evidence/workforce-missing.md
        missing_text="No workforce found with name {name}.",
        conflict="ValidationException",
        without_effect={"WorkforceVpcConfig": "there is no portal for workers"},
    )
)
