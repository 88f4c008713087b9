"""MLflow tracking servers and apps. They are kept; nothing serves them yet."""

from clary.resources.registry import register
from clary.resources.spec import Resource

MLFLOW_TRACKING_SERVER = register(
    Resource(
        kind="MlflowTrackingServer",
        arn="mlflow-tracking-server/{TrackingServerName}",
        identity=("TrackingServerName",),
        arn_member="TrackingServerArn",
        status="TrackingServerStatus",
        initial={"TrackingServerStatus": "CreateFailed", "IsActive": "Inactive"},
        conflict="ValidationException",
        missing_text="Tracking server {name} does not exist.",
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
        initial={"Status": "CreateFailed"},
        filters={"DefaultForDomainId": "DefaultDomainIdList has"},
        missing_text="MLflow app {arn} does not exist.",
    )
)
