"""Work teams: some of a workforce's people."""

from clary.resources.registry import register
from clary.resources.spec import Resource

WORKTEAM = register(
    Resource(
        kind="Workteam",
        arn="workteam/private-crowd/{WorkteamName}",
        envelope="Workteam",
        shown={"CreateDate": "CreationTime", "LastUpdatedDate": "LastModifiedTime"},
        orders={"CreateDate": "CreationTime"},
        within={"WorkforceName": "Workforce"},
        missing="ValidationException",  # evidence/workforce-missing.md
        missing_text="The work team {arn} does not exist.",
        without_effect={"NotificationConfiguration": "workers are told of no tasks"},
    )
)
