"""Events on their way: from a change of a record to a target, whatever goes wrong in between."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from tests.controllers.events.carrying import ACCOUNT, REGION, courier, queue, received, rule

from clary.resources.training.training_job import TRAINING_JOB
from clary.store.record import Record

if TYPE_CHECKING:
    from tests.conftest import Server


def job(server: Server) -> Record:
    store = server.stores.records.scoped(ACCOUNT, REGION)
    name = f"job-{uuid4().hex}"
    role = f"arn:aws:iam::{ACCOUNT}:role/R"
    return store.create(TRAINING_JOB, {"TrainingJobName": name, "RoleArn": role, "_Secret": "no"})


def test_each_change_of_a_jobs_status_reaches_a_queue_in_its_order(server: Server) -> None:
    arn, url = queue(server)
    record = job(server)
    rule(
        server,
        {
            "source": ["aws.sagemaker"],
            "detail-type": ["SageMaker Training Job State Change"],
            "detail": {"TrainingJobName": [record.name]},
        },
        {"Arn": arn},
    )
    records = server.stores.records
    record = records.update(record, {"SecondaryStatus": "Training"})
    record = records.update(record, {"BillableTimeInSeconds": 3})
    records.update(record, {"TrainingJobStatus": "Completed", "SecondaryStatus": "Completed"})
    courier(server).catch_up()
    told = received(server, url)
    assert [each["detail"]["SecondaryStatus"] for each in told] == ["Starting", "Training", "Completed"]
    last = told[-1]
    assert last["resources"] == [record.arn] == [last["detail"]["TrainingJobArn"]]
    assert (last["account"], last["region"], last["version"]) == (ACCOUNT, REGION, "0")
    assert last["detail"]["TrainingJobStatus"] == "Completed"
    assert isinstance(last["detail"]["CreationTime"], int)
    assert "_Secret" not in last["detail"]
    courier(server).catch_up()
    assert received(server, url) == []
