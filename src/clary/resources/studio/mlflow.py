"""MLflow tracking servers and apps: each is one MLflow server. See evidence/mlflow.md."""

from clary.resources.registry import register
from clary.resources.spec import Resource

_WITHOUT = {"WeeklyMaintenanceWindowStart": "kept and told; nothing is maintained at a time of its own"}

MLFLOW_TRACKING_SERVER = register(
    Resource(
        kind="MlflowTrackingServer",
        arn="mlflow-tracking-server/{TrackingServerName}",
        identity=("TrackingServerName",),
        arn_member="TrackingServerArn",
        status="TrackingServerStatus",
        initial={
            "TrackingServerStatus": "Creating",
            "IsActive": "Inactive",
            "TrackingServerSize": "Small",
            "AutomaticModelRegistration": False,
        },
        conflict="ValidationException",
        missing_text="Tracking server {name} does not exist.",
        lives=True,
        passing=frozenset({"Creating", "Updating", "Starting", "Stopping", "Deleting"}),
        without_effect=_WITHOUT,
        level="behaves",
    )
)
MLFLOW_APP = register(
    Resource(
        kind="MlflowApp",
        arn="mlflow-app/app-{MlflowAppId!u}",
        identity=("MlflowAppId",),
        generated={"MlflowAppId": "{12}"},
        arn_member="Arn",
        status="Status",
        initial={"Status": "Creating"},
        filters={"DefaultForDomainId": "DefaultDomainIdList has"},
        missing_text="MLflow app {arn} does not exist.",
        lives=True,
        passing=frozenset({"Creating", "Updating", "Deleting"}),
        without_effect={
            **_WITHOUT,
            "KmsKeyId": "the server's own data lie unencrypted in CLARY_HOME",
        },
        level="behaves",
    )
)
