"""SNS subscriptions: made, confirmed, changed, listed, ended.

Which protocols are served, and who has to confirm: evidence/sns.md.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable

from sqlalchemy import Connection

from clary.core.arn import parse as parse_arn
from clary.core.document import Document
from clary.core.errors import AccessDenied, ApiError
from clary.engines.sns import filter_policy
from clary.engines.sns.envelope import of_confirmation
from clary.operations.computed_list import cut
from clary.operations.registry import Call, operation
from clary.operations.sns.delivery import dead_letter_queue, into
from clary.operations.sns.topics import ATTRIBUTES, invalid, is_fifo, set_on, subscription_of, topic_of
from clary.operations.sqs.queues import by_arn
from clary.resources.sns.subscription import SUBSCRIPTION
from clary.store.record import Record
from clary.store.records import Records

PAGE = 100
PENDING = "pending confirmation"
_NOT_SERVED = {
    "application": "there are no mobile endpoints here",
    "email": "no mail is sent from here; subscribe a queue and send mail from what reads it",
    "email-json": "no mail is sent from here; subscribe a queue and send mail from what reads it",
    "firehose": "there is no Firehose here; subscribe a queue, and write from what reads it",
    "http": "nothing is posted to addresses from here; subscribe a queue, and post from what reads it",
    "https": "nothing is posted to addresses from here; subscribe a queue, and post from what reads it",
    "lambda": "messages are not delivered to functions yet; let an event rule call one, or subscribe a queue",
    "sms": "no text messages are sent from here; subscribe a queue, and send them from what reads it",
}
_BOOLEANS = ("RawMessageDelivery",)
_KNOWN = (*_BOOLEANS, "FilterPolicy", "FilterPolicyScope", "RedrivePolicy")


@operation("sns", "Subscribe")
def subscribe(call: Call) -> Document:
    """Subscribe a queue; its owner's subscription holds at once, another's waits for a confirmation."""
    protocol, endpoint = call.request["Protocol"], call.request.get("Endpoint") or ""
    wanted = {name: value for name, value in (call.request.get("Attributes") or {}).items() if value}
    topic = topic_of(call)
    _check_endpoint(topic, protocol, endpoint)
    _check(call.records, topic, wanted)
    owner = endpoint.split(":")[4]
    confirmed = call.account == owner
    records = call.records.scoped(topic.account, topic.region)
    with records.database.write() as connection:
        same = (
            each for each in records.each(SUBSCRIPTION, under=topic.name) if each.doc["Endpoint"] == endpoint
        )
        record = next(same, None)
        if record is not None and wanted and set_on(record) != wanted:
            raise invalid("Attributes", "Subscription already exists with different attributes")
        if record is None:
            doc = {
                "TopicName": topic.name,
                "SubscriptionId": str(uuid.uuid4()),
                "TopicArn": topic.arn,
                "Protocol": protocol,
                "Endpoint": endpoint,
                "Owner": call.account,
                ATTRIBUTES: wanted,
            }
            record = records.create(
                SUBSCRIPTION, doc | ({} if confirmed else {"_Token": secrets.token_hex(64)})
            )
        elif confirmed and "_Token" in record.doc:
            record = records.update(record, {"Owner": owner}, remove=["_Token"])
        if (
            "_Token" in record.doc
        ):  # asked again each time: the first may have met a policy that let nobody in
            _ask(call, connection, record)
    waits = "_Token" in record.doc and not call.request.get("ReturnSubscriptionArn")
    return {"SubscriptionArn": PENDING if waits else record.arn}


@operation("sns", "ConfirmSubscription")
def confirm(call: Call) -> Document:
    """Confirm a subscription by the token that was sent to its queue."""
    topic, token = topic_of(call), call.request["Token"]
    records = call.records.scoped(topic.account, topic.region)
    with records.database.write():
        for record in records.each(SUBSCRIPTION, under=topic.name):
            known = record.doc.get("_Token") or record.doc.get("_Confirmed", "")
            if known and secrets.compare_digest(known.encode(), token.encode()):
                if "_Token" in record.doc:
                    records.update(record, {"_Confirmed": token}, remove=["_Token"])
                return {"SubscriptionArn": record.arn}
    raise invalid("Token", "the token is not one that this topic has sent")


@operation("sns", "Unsubscribe")
def unsubscribe(call: Call) -> None:
    """End a subscription; only its owner and the topic's may. One that is not there is no mistake."""
    with call.records.database.write():
        try:
            record = subscription_of(call)
        except ApiError as error:
            if error.code == SUBSCRIPTION.missing:
                return
            raise
        if call.account not in (record.account, record.doc["Owner"]):
            raise AccessDenied(
                f"{record.arn} is neither yours nor of a topic of yours.", code="AuthorizationError"
            )
        call.records.delete(record)


@operation("sns", "ListSubscriptions")
def page(call: Call) -> Document:
    """Answer the account's own subscriptions to topics of its own and of others in this region."""
    every = call.records.scoped("", "").each(SUBSCRIPTION)
    mine = (r for r in every if r.doc["Owner"] == call.account and r.region == call.region)
    return _page(call, mine)


@operation("sns", "ListSubscriptionsByTopic")
def page_by_topic(call: Call) -> Document:
    """Answer a topic's subscriptions."""
    topic = topic_of(call)
    return _page(call, call.records.scoped(topic.account, topic.region).each(SUBSCRIPTION, under=topic.name))


@operation("sns", "GetSubscriptionAttributes")
def get_attributes(call: Call) -> Document:
    """Answer a subscription's attributes."""
    record = _mine(call)
    told = {
        "SubscriptionArn": record.arn,
        "TopicArn": record.doc["TopicArn"],
        "Owner": record.doc["Owner"],
        "Protocol": record.doc["Protocol"],
        "Endpoint": record.doc["Endpoint"],
        "ConfirmationWasAuthenticated": "false" if "_Token" in record.doc else "true",
        "PendingConfirmation": "true" if "_Token" in record.doc else "false",
        "RawMessageDelivery": "false",
        **set_on(record),
    }
    if "FilterPolicy" in told:
        told.setdefault("FilterPolicyScope", filter_policy.BY_ATTRIBUTES)
    return {"Attributes": told}


@operation("sns", "SetSubscriptionAttributes")
def set_attributes(call: Call) -> None:
    """Change one attribute; an empty text, or an empty filter policy, takes it away."""
    name, value = call.request["AttributeName"], call.request.get("AttributeValue") or ""
    with call.records.database.write():
        record = _mine(call)
        topic = call.records.by_arn(record.doc["TopicArn"])
        gone = not value or (name == "FilterPolicy" and value.strip() == "{}")
        kept = {n: v for n, v in {**set_on(record), name: value}.items() if n != name or not gone}
        if name not in _KNOWN:
            raise invalid("AttributeName", f"{name} cannot be set on a subscription here")
        if topic is not None:
            _check(call.records, topic, kept)
        call.records.update(record, {ATTRIBUTES: kept}, touch=False)


def _check_endpoint(topic: Record, protocol: str, endpoint: str) -> None:
    if protocol in _NOT_SERVED:
        raise invalid("Protocol", f"{protocol} is not served: {_NOT_SERVED[protocol]}")
    if protocol != "sqs":
        raise invalid("Protocol", f"Amazon SNS does not support this protocol string: {protocol[:64]}")
    arn = parse_arn(endpoint)
    if arn is None or arn.service != "sqs" or not arn.account.isdigit():
        raise invalid("SQS endpoint ARN", f"{endpoint[:256]!r} is not the ARN of a queue")
    if arn.resource.endswith(".fifo") and not is_fifo(topic):
        raise invalid("Endpoint", "a FIFO queue needs a FIFO topic: its messages need a group and an order")


def _check(records: Records, topic: Record, wanted: dict[str, str]) -> None:
    for name, value in wanted.items():
        if name not in _KNOWN:
            raise invalid("AttributeName", f"{name} is not an attribute of a queue's subscription here")
        if name in _BOOLEANS and value not in ("true", "false"):
            raise invalid(name, f"it must be true or false, not {value[:64]!r}")
    scope = wanted.get("FilterPolicyScope", filter_policy.BY_ATTRIBUTES)
    if scope not in filter_policy.SCOPES:
        raise invalid("FilterPolicyScope", f"it must be MessageAttributes or MessageBody, not {scope[:64]!r}")
    if "FilterPolicy" in wanted:
        try:
            filter_policy.parse(wanted["FilterPolicy"], scope)
        except filter_policy.BadPolicy as error:
            raise invalid("FilterPolicy", str(error)) from error
    if "RedrivePolicy" in wanted:
        arn = dead_letter_queue(wanted["RedrivePolicy"])
        if arn is None or by_arn(records, arn) is None:
            raise invalid(
                "RedrivePolicy", 'it must be {"deadLetterTargetArn": the ARN of a queue that is there}'
            )
        if arn.endswith(".fifo") != is_fifo(topic):
            raise invalid(
                "RedrivePolicy", "the dead-letter queue of a FIFO topic's subscription must be FIFO"
            )


def _ask(call: Call, connection: Connection, record: Record) -> None:
    """Send the queue's owner what confirms a subscription; whether the queue takes it is for its policy."""
    topic, token = record.doc["TopicArn"], record.doc["_Token"]
    text = of_confirmation(str(uuid.uuid4()), topic, token, call.clock.now())
    group = "confirmation" if record.doc["Endpoint"].endswith(".fifo") else None
    into(call, connection, record.doc["Endpoint"], topic, text, group=group, duplicate_of=token[:128])


def _mine(call: Call) -> Record:
    """Return a subscription that the caller owns, or whose topic it owns."""
    record = subscription_of(call)
    if call.account not in (record.account, record.doc["Owner"]):
        raise AccessDenied(
            f"{record.arn} is neither yours nor of a topic of yours.", code="AuthorizationError"
        )
    return record


def _page(call: Call, records: Iterable[Record]) -> Document:
    found = ((record.key, _told(record)) for record in records)
    subscriptions, more = cut(call, found, PAGE, call.request.get("NextToken"), refused="InvalidParameter")
    return {"Subscriptions": subscriptions} | ({"NextToken": more} if more else {})


def _told(record: Record) -> Document:
    told = {name: record.doc[name] for name in ("Owner", "Protocol", "Endpoint", "TopicArn")}
    return {"SubscriptionArn": "PendingConfirmation" if "_Token" in record.doc else record.arn, **told}
