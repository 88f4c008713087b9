"""Alarms that tell topics. A controller that is killed in between tells them twice, never not at all."""

from __future__ import annotations

from functools import cache

import botocore.session

from clary.controllers.cloudwatch.alarm_actions import Deliver
from clary.controllers.means import Door
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.principal import Principal
from clary.engines.cloudwatch.notification import message, subject
from clary.store.records import Record

_ROLE = "AWSServiceRoleForCloudWatchAlarms_ActionSNS"


def to_topics(call: Door, otherwise: Deliver) -> Deliver:
    """Return what publishes to the alarm's own account's topics, and hands everything else on."""

    def deliver(alarm: Record, action: str, change: Document) -> str | None:
        service, region, account = action.split(":")[2:5]
        if service != "sns":
            return otherwise(alarm, action, change)
        if account != alarm.account:
            return f"The topic {action} belongs to another account; alarms tell topics of their own."
        named = _long_name(alarm.region)
        request: Document = {
            "TopicArn": action,
            "Subject": subject(alarm.name, change["New"], named),
            "Message": message(alarm.doc, alarm.arn, alarm.account, named, change),
        }
        try:
            call(_cloudwatch(alarm), region, "sns:Publish", request, {})
        except ApiError as error:
            return error.message
        return None

    return deliver


def _cloudwatch(alarm: Record) -> Principal:
    return Principal(
        account=alarm.account,
        arn=f"arn:aws:sts::{alarm.account}:assumed-role/{_ROLE}/CloudWatch",
        user_id=_ROLE,
        grants=f"arn:aws:iam::{alarm.account}:role/aws-service-role/cloudwatch.amazonaws.com/{_ROLE}",
    )


@cache
def _long_name(region: str) -> str:
    """Return what AWS calls a region in sentences."""
    for partition in botocore.session.get_session().get_data("endpoints")["partitions"]:
        if region in partition["regions"]:
            return str(partition["regions"][region]["description"])
    return region
