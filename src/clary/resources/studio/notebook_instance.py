"""Notebook instances and the scripts that run on them. They are kept; nothing runs them yet."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

NOTEBOOK_INSTANCE = register(
    Resource(
        kind="NotebookInstance",
        announced="SageMaker Notebook Instance State Change",
        arn="notebook-instance/{NotebookInstanceName!l}",
        status="NotebookInstanceStatus",
        initial=not_run("NotebookInstanceStatus", "notebook instances"),
        shown={
            "NotebookInstanceLifecycleConfigName": "LifecycleConfigName",
            "SecurityGroups": "SecurityGroupIds",
        },
        answers={
            "DirectInternetAccess": "Enabled",
            "RootAccess": "Enabled",
            "VolumeSizeInGB": 5,
            "InstanceMetadataServiceConfiguration": {"MinimumInstanceMetadataServiceVersion": "1"},
        },
        filters={
            "NotebookInstanceLifecycleConfigNameContains": "LifecycleConfigName contains",
            "AdditionalCodeRepositoryEquals": "AdditionalCodeRepositories has",
        },
        missing="ValidationException",  # evidence/studio-errors.md
        missing_text="RecordNotFound",
        conflict="ValidationException",
        conflict_text="Cannot create a duplicate Notebook Instance ({arn})",
    )
)
NOTEBOOK_INSTANCE_LIFECYCLE_CONFIG = register(
    Resource(
        kind="NotebookInstanceLifecycleConfig",
        announced="SageMaker Notebook Lifecycle Config State Change",
        arn="notebook-instance-lifecycle-config/{NotebookInstanceLifecycleConfigName!l}",
        holds={"NotebookInstance": {"LifecycleConfigName": "NotebookInstanceLifecycleConfigName"}},
        held="ValidationException",
        missing="ValidationException",  # evidence/studio-errors.md
        missing_text="Unable to describe Notebook Instance Lifecycle Config '{arn}'. "
        "(Details: Notebook Instance Lifecycle Config does not exist.)",
        conflict="ValidationException",
        conflict_text="Unable to create Notebook Instance Lifecycle Config {arn}. "
        "(Details: Notebook Instance Lifecycle Config already exists.)",
    )
)
