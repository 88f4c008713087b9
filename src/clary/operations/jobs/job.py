"""What calls about jobs and training sessions decide; the rest is `crud`'s."""

from __future__ import annotations

from clary.core.document import Document
from clary.operations import none_yet, references
from clary.operations.registry import Call, before, completes


@before("sagemaker", "CreateJob")
@before("sagemaker", "CreateTrainingSession")
def check(call: Call) -> None:
    """Refuse a role that cannot be passed on."""
    references.role(call, call.request["RoleArn"])


@completes("sagemaker", "CreateJob")
def history(call: Call) -> Document:
    """Begin a job's history with its end."""
    times = none_yet.at_once(call, "EndTime")
    ended = {"Status": "Failed", "StartTime": times["CreationTime"], "EndTime": times["EndTime"]}
    return {"SecondaryStatusTransitions": [ended], **times}


none_yet.ended("CreateTrainingSession", "EndTime")
none_yet.listed("ListJobSchemaVersions")
none_yet.absent(
    "DescribeJobSchemaVersion",
    "There is no schema of the job category {JobCategory}: Clary takes any version and any document.",
)
