"""Events on their way: from a change of a record to a target, whatever goes wrong in between."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.controllers.events.carrying import ACCOUNT, REGION, courier, queue, received, rule

from clary.controllers.events.courier import Courier
from clary.controllers.events.matching import Matcher
from clary.controllers.events.measures import Measures
from clary.core.clock import StoppedClock
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.resources.events.rule import RULE
from clary.resources.inference.endpoint import ENDPOINT
from clary.resources.training.training_job import TRAINING_JOB
from clary.store.events import outbox
from clary.store.events.deliveries import Delivery
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


def test_an_update_of_an_endpoint_and_its_deployment_are_told_apart(server: Server) -> None:
    (arn, url), records, name = queue(server), server.stores.records, f"e-{uuid4().hex}"
    rule(server, {"source": ["aws.sagemaker"], "detail": {"EndpointName": [name]}}, {"Arn": arn})
    record = records.scoped(ACCOUNT, REGION).create(ENDPOINT, {"EndpointName": name})
    record = records.update(record, {"EndpointStatus": "InService"})
    pending: Document = {"EndpointConfigName": "c", "ProductionVariants": []}
    begun: Document = {"EndpointStatus": "Updating", "PendingDeploymentSummary": pending}
    step: Document = {"PendingDeploymentSummary": {**pending, "ProductionVariants": [{"VariantName": "a"}]}}
    other: Document = {"ProductionVariants": []}
    for changes in (begun, step, other):
        record = records.update(record, changes)
    courier(server).catch_up()
    own, deployment = (f"SageMaker Endpoint {what}State Change" for what in ("", "Deployment "))
    told = [(each["detail-type"], each["detail"]["EndpointStatus"]) for each in received(server, url)]
    assert told == [
        (own, "CREATING"), (own, "IN_SERVICE"), (own, "UPDATING"), (deployment, "UPDATING"),
        (deployment, "UPDATING"),
    ]  # fmt: skip


def test_a_bucket_tells_of_its_objects_once_it_is_asked_to(server: Server) -> None:
    (arn, url), s3, bucket = queue(server), server.client("s3"), f"b-{uuid4().hex}"
    rule(server, {"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}}, {"Arn": arn})
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="before", Body=b"")
    asked: dict[str, Any] = {"EventBridgeConfiguration": {}}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=asked)
    told = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert told["EventBridgeConfiguration"] == {}
    etag = s3.put_object(Bucket=bucket, Key="a b/ö", Body=b"small")["ETag"].strip('"')
    s3.put_object(Bucket=bucket, Key="large", Body=bytes(100_000))
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "large"})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"1")["ETag"]
    s3.complete_multipart_upload(
        Bucket=bucket,
        Key="parts",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]},
    )
    s3.delete_object(Bucket=bucket, Key="large")
    s3.delete_object(Bucket=bucket, Key="never there")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    marker = s3.delete_object(Bucket=bucket, Key="copy")["VersionId"]
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    s3.put_object(Bucket=bucket, Key="after", Body=b"")
    courier(server).catch_up()
    events = received(server, url)
    assert [(e["detail-type"], e["detail"]["object"]["key"], e["detail"]["reason"]) for e in events] == [
        ("Object Created", "a b/ö", "PutObject"),
        ("Object Created", "large", "PutObject"),
        ("Object Created", "copy", "CopyObject"),
        ("Object Created", "parts", "CompleteMultipartUpload"),
        ("Object Deleted", "large", "DeleteObject"),
        ("Object Deleted", "copy", "DeleteObject"),
    ]
    first, last = events[0], events[-1]["detail"]
    assert (first["source"], first["resources"]) == ("aws.s3", [f"arn:aws:s3:::{bucket}"])
    assert (first["account"], first["region"]) == (ACCOUNT, REGION)
    sequencer = first["detail"]["object"].pop("sequencer")
    assert first["detail"]["object"] == {"key": "a b/ö", "size": 5, "etag": etag}
    assert sequencer < last["object"]["sequencer"]
    assert (last["object"]["version-id"], last["deletion-type"]) == (marker, "Delete Marker Created")
    assert events[-2]["detail"]["deletion-type"] == "Permanently Deleted"


def put(server: Server, source: str, detail: object = None, **more: Any) -> str:
    entry = {"Source": source, "DetailType": "Tried", "Detail": json.dumps(detail or {}), **more}
    told = server.client("events").put_events(Entries=[entry])
    assert told["FailedEntryCount"] == 0, told
    return str(told["Entries"][0]["EventId"])


def test_ones_own_event_reaches_each_target_in_its_form(server: Server) -> None:
    source = f"mine.{uuid4().hex}"
    (whole, url), (other, part) = queue(server), queue(server)
    transformer = {"InputPathsMap": {"x": "$.detail.x"}, "InputTemplate": '{"got": <x>}'}
    rule(server, {"source": [source]}, {"Arn": whole}, {"Arn": other, "InputTransformer": transformer})
    told = put(server, source, {"x": [1]}, Resources=["arn:y"])
    courier(server).catch_up()
    [event] = received(server, url)
    assert (event["id"], event["detail"], event["resources"]) == (told, {"x": [1]}, ["arn:y"])
    assert received(server, part) == [{"got": [1]}]


def test_a_rule_that_cannot_be_worked_off_keeps_no_other_from_its_own(server: Server) -> None:
    source, (arn, url) = f"mine.{uuid4().hex}", queue(server)
    name = rule(server, {"source": [source]}, {"Arn": arn}, Name=f"a-{uuid4().hex}")
    rule(server, {"source": [source]}, {"Arn": arn}, Name=f"b-{uuid4().hex}")
    store = server.stores.records.scoped(ACCOUNT, REGION)
    store.update(
        store.get(RULE, {"EventBusName": "default", "Name": name}), {"_Targets": [{"Id": "torn"}, 1]}
    )
    told = put(server, source)
    try:
        courier(server).catch_up()
    finally:
        store.update(store.get(RULE, {"EventBusName": "default", "Name": name}), {"_Targets": []})
    assert [event["id"] for event in received(server, url)] == [told]


def test_a_rule_that_is_off_or_another_buses_gets_nothing(server: Server) -> None:
    source, (arn, url) = f"mine.{uuid4().hex}", queue(server)
    events, bus = server.client("events"), f"bus-{uuid4().hex}"
    events.create_event_bus(Name=bus)
    rule(server, {"source": [source]}, {"Arn": arn}, State="DISABLED")
    rule(server, {"source": [source]}, {"Arn": arn, "Input": '"bus"'}, EventBusName=bus)
    put(server, source)
    courier(server).catch_up()
    assert received(server, url) == []
    put(server, source, EventBusName=bus)
    courier(server).catch_up()
    assert received(server, url) == ["bus"]


def test_a_bus_hands_events_on_as_they_are(server: Server) -> None:
    source, (arn, url) = f"mine.{uuid4().hex}", queue(server)
    bus = f"bus-{uuid4().hex}"
    to = server.client("events").create_event_bus(Name=bus)["EventBusArn"]
    role = trusting(server, "events:PutEvents", to)
    rule(server, {"source": [source]}, {"Arn": to, "RoleArn": role})
    rule(server, {"source": [source]}, {"Arn": arn}, EventBusName=bus)
    told = put(server, source)
    carrier = courier(server)
    carrier.catch_up()
    carrier.catch_up()
    assert [event["id"] for event in received(server, url)] == [told]


def test_an_event_goes_from_bus_to_bus_once(server: Server) -> None:
    source, (arn, url), events = f"mine.{uuid4().hex}", queue(server), server.client("events")
    role, names = trusting(server, "events:PutEvents", "*"), [f"bus-{uuid4().hex}" for _ in range(2)]
    buses = [events.create_event_bus(Name=each)["EventBusArn"] for each in names]
    for name, other in zip(names, reversed(buses), strict=True):
        rule(server, {"source": [source]}, {"Arn": other, "RoleArn": role}, EventBusName=name)
        rule(server, {"source": [source]}, {"Arn": arn, "Input": f'"{name}"'}, EventBusName=name)
    put(server, source, EventBusName=names[0])
    carrier = courier(server)
    for _ in range(4):
        carrier.catch_up()
    assert sorted(received(server, url)) == sorted(names)


def test_events_are_matched_in_batches_by_their_size(server: Server) -> None:
    source, (arn, url) = f"mine.{uuid4().hex}", queue(server)
    rule(server, {"source": [source]}, {"Arn": arn, "InputPath": "$.detail.n"})
    courier(server).catch_up()
    for n in range(6):
        put(server, source, {"n": n, "x": "y" * 1_000_000})
    database = server.stores.database
    notes = [outbox.after(database, 0, limit, 2_500_000) for limit in (100, 1)]
    assert [len(each) for each in notes] == [2, 1]
    assert len(outbox.after(database, 0, 100, 1)) == 1
    courier(server).catch_up()
    assert sorted(received(server, url)) == [*range(6)]


def test_topics_and_log_groups_take_what_their_policies_allow(server: Server) -> None:
    source, group = f"mine.{uuid4().hex}", f"/aws/events/{uuid4().hex}"
    sns, logs = server.client("sns"), server.client("logs")
    topic = sns.create_topic(Name=uuid4().hex)["TopicArn"]
    _, url = queue(server)
    policy = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}}
    allowed = {**policy, "Action": "sns:Publish", "Resource": topic}
    text = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=text)
    subscribed(server, topic, url)
    logs.create_log_group(logGroupName=group)
    written = {**policy, "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [written]})
    logs.put_resource_policy(policyName=f"events-{uuid4().hex}", policyDocument=document)
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
    rule(server, {"source": [source]}, {"Arn": topic}, {"Arn": arn})
    told = put(server, source)
    courier(server).catch_up()
    [message] = received(server, url)
    assert json.loads(message["Message"])["id"] == told
    [kept] = logs.filter_log_events(logGroupName=group)["events"]
    assert json.loads(kept["message"])["id"] == told


def test_what_a_target_refuses_goes_to_the_dead_letters(server: Server) -> None:
    source, (dead, letters) = f"mine.{uuid4().hex}", queue(server)
    shut, _ = queue(server, source="arn:of:nobody")
    gone = f"arn:aws:sqs:{REGION}:{ACCOUNT}:gone-{uuid4().hex}"
    to = {"DeadLetterConfig": {"Arn": dead}}
    name = rule(server, {"source": [source]}, {"Arn": shut, **to}, {"Arn": gone, **to})
    told = put(server, source)
    courier(server).catch_up()
    sqs = server.client("sqs")
    wanted = {"QueueUrl": letters, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
    messages = sqs.receive_message(**wanted)["Messages"]
    said = {m["MessageAttributes"]["TARGET_ARN"]["StringValue"]: m for m in messages}
    assert said.keys() == {shut, gone}
    assert {json.loads(m["Body"])["id"] for m in messages} == {told}
    attributes = {n: v["StringValue"] for n, v in said[shut]["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert "aws:SourceArn" in attributes["ERROR_MESSAGE"]
    assert attributes["RULE_ARN"].endswith(f"rule/{name}")
    assert said[gone]["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_RESOURCE"


class Busy:
    """A target that is too busy some times, and then takes what it is sent."""

    def __init__(self, times: int) -> None:
        self.left, self.sent, self.dead = times, 0, [""][1:]

    def send(self, one: Delivery) -> None:
        """Refuse, or take it."""
        self.left -= 1
        if self.left >= 0:
            raise ApiError("later", code="ThrottlingException", status=429)
        self.sent += 1

    def dead_letter(self, one: Delivery, queue: str, error: ApiError, condition: str) -> None:
        """Note why it was given up."""
        self.dead.append(condition)


def waiting(server: Server, clock: StoppedClock, target: dict[str, Any], busy: Busy) -> Courier:
    courier(server).catch_up()  # whatever others have left
    source = f"mine.{uuid4().hex}"
    rule(server, {"source": [source]}, target)
    put(server, source)
    return Courier(server.stores.records, server.stores.metrics, clock, busy)


def test_a_busy_target_is_asked_again_later_and_later(server: Server) -> None:
    clock, busy = StoppedClock(server.parts.clock.now() + timedelta(minutes=1)), Busy(3)
    carrier = waiting(server, clock, {"Arn": queue(server)[0]}, busy)
    carrier.catch_up()
    for seconds in (1, 2, 4):
        assert busy.sent == 0
        carrier.catch_up()  # too early
        clock.at += timedelta(seconds=seconds)
        carrier.catch_up()
    assert (busy.sent, busy.left) == (1, -1)
    clock.at += timedelta(days=2)
    assert carrier.deliver() == 0


def test_a_target_that_stays_busy_is_given_up_by_its_policy(server: Server) -> None:
    clock = StoppedClock(server.parts.clock.now() + timedelta(minutes=1))
    dead = {"DeadLetterConfig": {"Arn": queue(server)[0]}}
    for policy, why in (
        ({"MaximumRetryAttempts": 2}, "MaximumRetryAttempts"),
        ({"MaximumEventAgeInSeconds": 60}, "MaximumEventAgeInSeconds"),
    ):
        busy = Busy(99)
        target = {"Arn": queue(server)[0], "RetryPolicy": policy, **dead}
        carrier = waiting(server, clock, target, busy)
        for _ in range(10):
            carrier.catch_up()
            clock.at += timedelta(minutes=1)
        assert busy.dead == [why]


def counted(server: Server, space: str, metric: str, **dimensions: str) -> float:
    """Return what a metric comes to."""
    told = server.client("cloudwatch").get_metric_statistics(
        Namespace=space,
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=server.parts.clock.now() - timedelta(hours=1),
        EndTime=server.parts.clock.now() + timedelta(hours=1),
        Period=86_400,
        Statistics=["Sum"],
    )
    return float(sum(each["Sum"] for each in told["Datapoints"]))


def test_what_deliveries_come_to_is_counted(server: Server) -> None:
    source, (open_, _), (dead, _) = f"mine.{uuid4().hex}", queue(server), queue(server)
    gone = f"arn:aws:sqs:{REGION}:{ACCOUNT}:gone-{uuid4().hex}"
    to = {"Arn": gone, "DeadLetterConfig": {"Arn": dead}}
    name = rule(server, {"source": [source]}, {"Arn": open_}, to)
    bus = f"bus-{uuid4().hex}"
    server.client("events").create_event_bus(Name=bus)
    other = rule(server, {"source": [source]}, {"Arn": open_}, EventBusName=bus)
    put(server, source)
    put(server, source)
    put(server, source, EventBusName=bus)
    courier(server).catch_up()
    names = ("InvocationAttempts", "Invocations", "FailedInvocations", "InvocationsSentToDlq")
    assert [counted(server, "AWS/Events", each, RuleName=name) for each in names] == [4, 4, 2, 2]
    assert counted(server, "AWS/Events", "Invocations", RuleName=other, EventBusName=bus) == 1
    assert counted(server, "AWS/Events", "Invocations", RuleName=other) == 0


def test_what_becomes_of_schedules_is_counted_by_their_group(server: Server) -> None:
    group = f"group-{uuid4().hex}"
    arn = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{group}/s"
    given: dict[str, Any] = {"account": ACCOUNT, "region": REGION, "source": arn, "token": "t"}
    one = Delivery(**given, request={}, due=0, expires=0, most=0, id=0, tries=0)
    measures = Measures(server.stores.metrics, server.parts.clock)
    measures.count(one, "tried", "told")
    measures.count(one, "tried", "refused", "failed", "letter")
    measures.report()
    names = ("InvocationAttemptCount", "TargetErrorCount", "InvocationDroppedCount")
    told = [counted(server, "AWS/Scheduler", each, ScheduleGroup=group) for each in names]
    assert told == [2, 1, 1]


def test_attempts_are_counted_and_what_became_of_the_event(server: Server) -> None:
    clock, busy = StoppedClock(server.parts.clock.now() + timedelta(minutes=1)), Busy(2)
    courier(server).catch_up()  # whatever others have left
    source = f"mine.{uuid4().hex}"
    name = rule(server, {"source": [source]}, {"Arn": queue(server)[0]})
    put(server, source)
    carrier = Courier(server.stores.records, server.stores.metrics, clock, busy)
    for _ in range(3):
        carrier.catch_up()
        clock.at += timedelta(seconds=10)
    names = ("InvocationAttempts", "Invocations", "FailedInvocations")
    assert [counted(server, "AWS/Events", each, RuleName=name) for each in names] == [3, 1, 0]


def test_what_is_too_old_is_given_up_before_it_is_sent(server: Server) -> None:
    clock, busy = StoppedClock(server.parts.clock.now() + timedelta(minutes=1)), Busy(0)
    to = {"Arn": queue(server)[0], "DeadLetterConfig": {"Arn": queue(server)[0]}}
    carrier = waiting(server, clock, {**to, "RetryPolicy": {"MaximumEventAgeInSeconds": 60}}, busy)
    Matcher(server.stores.records, clock).match()
    clock.at += timedelta(minutes=2)
    carrier.catch_up()
    assert (busy.sent, busy.dead) == (0, ["MaximumEventAgeInSeconds"])


def trusting(server: Server, action: str, resource: str) -> str:
    """Make a role that events may be sent as."""
    iam, name = server.client("iam"), f"events-{uuid4().hex[:12]}"
    services = {"Service": ["events.amazonaws.com", "scheduler.amazonaws.com"]}
    trust = {"Effect": "Allow", "Principal": services, "Action": "sts:AssumeRole"}
    may = {"Effect": "Allow", "Action": action, "Resource": resource}
    document, policy = ({"Version": "2012-10-17", "Statement": [each]} for each in (trust, may))
    role: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=json.dumps(policy))
    return role


def test_a_role_says_what_its_target_may_be_sent(server: Server) -> None:
    source = f"mine.{uuid4().hex}"
    (open_, url), (shut, other) = (queue(server, source="arn:of:nobody") for _ in range(2))
    role = trusting(server, "sqs:SendMessage", open_)
    rule(server, {"source": [source]}, {"Arn": open_, "RoleArn": role}, {"Arn": shut, "RoleArn": role})
    put(server, source)
    courier(server).catch_up()
    assert len(received(server, url)) == 1
    assert received(server, other) == []


def test_a_role_that_no_longer_lets_eventbridge_in_sends_nothing(server: Server) -> None:
    source, (open_, url), (dead, letters) = f"mine.{uuid4().hex}", queue(server), queue(server)
    role = trusting(server, "sqs:SendMessage", "*")
    to = {"Arn": open_, "RoleArn": role, "DeadLetterConfig": {"Arn": dead}}
    rule(server, {"source": [source]}, to)
    other = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [other]})
    name = role.rpartition("/")[2]
    server.client("iam").update_assume_role_policy(RoleName=name, PolicyDocument=document)
    put(server, source)
    courier(server).catch_up()
    assert received(server, url) == []
    sqs = server.client("sqs")
    [message] = sqs.receive_message(QueueUrl=letters, MessageAttributeNames=["All"])["Messages"]
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert (
        "does not let events.amazonaws.com in" in message["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
    )


def subscribed(server: Server, topic: str, url: str) -> None:
    """Let a topic send to a queue."""
    sqs, arn = server.client("sqs"), f"arn:aws:sqs:{REGION}:{ACCOUNT}:{url.rpartition('/')[2]}"
    may = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [{**may, "Resource": arn}]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": text})
    server.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
