"""What calls about workforces and work teams decide; the rest is `crud`'s."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations import crud, none_yet
from clary.operations.kinds import members, of, project
from clary.operations.registry import Call, completes, operation
from clary.resources.labeling.labeling_job import LABELING_JOB
from clary.resources.labeling.workforce import WORKFORCE
from clary.resources.labeling.workteam import WORKTEAM
from clary.store.records import Filter
from clary.wire import models


@completes("sagemaker", "CreateWorkforce")
@completes("sagemaker", "UpdateWorkforce")
def without_secret(call: Call) -> Document:
    """Forget the secret of the identity provider: nobody signs in here, and no answer tells it."""
    given = call.request.get("OidcConfig")
    return {"OidcConfig": {k: v for k, v in given.items() if k != "ClientSecret"}} if given else {}


@completes("sagemaker", "CreateWorkteam")
def belonging(call: Call) -> Document:
    """Say whose people a team is of: those of the named workforce, or of the only one there is."""
    deletable = {"Success": True}  # DeleteWorkteam answers it.
    if "WorkforceName" in call.request:
        return {"WorkforceArn": call.records.arn(WORKFORCE, call.request), **deletable}
    found = call.records.page(WORKFORCE, limit=1).records
    return {"WorkforceArn": found[0].arn, "WorkforceName": found[0].name, **deletable} if found else deletable


@operation("sagemaker", "ListLabelingJobsForWorkteam", level="stored")
def jobs(call: Call) -> Document:
    """Answer one page of the labeling jobs that a work team was given."""
    request = call.request
    asked = crud.named(of(WORKTEAM), call)
    where = [Filter("HumanTaskConfig.WorkteamArn", "eq", asked.arn)]
    if code := request.get("JobReferenceCodeContains"):
        where.append(Filter("JobReferenceCode", "contains", code))
    if after := request.get("CreationTimeAfter"):
        where.append(Filter("CreationTime", "ge", after))
    if until := request.get("CreationTimeBefore"):
        where.append(Filter("CreationTime", "le", until))
    page = call.records.page(
        LABELING_JOB,
        where=where,
        descending=request.get("SortOrder", "Descending") == "Descending",
        limit=crud.page_size(request),
        token=request.get("NextToken"),
    )
    told: Document = {
        "LabelingJobSummaryList": [_summary(call.account, record.doc) for record in page.records]
    }
    return told | ({"NextToken": page.next_token} if page.next_token else {})


none_yet.listed("ListSubscribedWorkteams")
none_yet.absent(
    "DescribeSubscribedWorkteam",
    "No subscription to the work team {WorkteamArn} was found: there is no marketplace here.",
    error=ValidationError,
)


def _summary(account: str, doc: Document) -> Document:
    answer = members(models.service("sagemaker").operation_model("ListLabelingJobsForWorkteam").output_shape)
    shape = answer["LabelingJobSummaryList"].member  # type: ignore[attr-defined]
    workers = doc["HumanTaskConfig"]["NumberOfHumanWorkersPerDataObject"]
    return project(
        shape,
        {
            **doc,
            "WorkRequesterAccountId": account,
            "NumberOfHumanWorkersPerDataObject": workers,
            "LabelCounters": {"HumanLabeled": 0, "PendingHuman": 0, "Total": 0},
        },
    )
