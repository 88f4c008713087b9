"""Feature groups. The online store works; the offline store, files in S3, is not written yet."""

from clary.resources.registry import register
from clary.resources.spec import Resource

FEATURE_GROUP = register(
    Resource(
        kind="FeatureGroup",
        announced="SageMaker Feature Group State Change",
        announces=frozenset({"OfflineStoreStatus"}),
        arn="feature-group/{FeatureGroupName!l}",
        status="FeatureGroupStatus",
        answers={"NextToken": ""},  # The member is required: all definitions come in one answer.
        filters={"OfflineStoreStatusEquals": "OfflineStoreStatus.Status"},
        orders={"OfflineStoreStatus": "OfflineStoreStatus.Status"},
        missing_text="Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name {name}",
        conflict_text="Resource Already Exists: FeatureGroup with name {name} already exists. "
        "Choose a different name.",  # evidence/feature-store.md
        without_effect={
            "OnlineStoreConfig.SecurityConfig": "records are not encrypted with keys of KMS",
            "OfflineStoreConfig": "the offline store is not written: its status is Blocked, and says so",
            "ThroughputConfig": "requests are not counted",
        },
        level="behaves",
    )
)
