"""Features of groups: a record each, made and deleted with the group."""

from clary.resources.registry import register
from clary.resources.spec import Resource

FEATURE_METADATA = register(
    Resource(
        kind="FeatureMetadata",
        identity=("FeatureGroupName", "FeatureName"),
        arn="feature-group/{FeatureGroupName!l}/feature/{FeatureName}",
        arn_member="FeatureGroupArn",
        missing_text="Resource Not Found: the feature group has no feature {name}",
        level="behaves",
    )
)
