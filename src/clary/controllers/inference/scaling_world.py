"""A scalable target's controller: the variant and the alarms it sees, and the call by which it scales."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from clary.controllers.cloudwatch.alarm_actions import Deliver
from clary.controllers.inference.scaling import (
    DEREGISTER,
    SOON,
    Reading,
    Tracking,
    Variant,
    World,
    latest,
    next_step,
    open_activity,
)
from clary.controllers.means import Means
from clary.controllers.step import Step
from clary.core.document import Document
from clary.core.errors import ApiError, TryAgain
from clary.core.principal import Principal
from clary.engines.cloudwatch.alarm_query import queries_of
from clary.engines.cloudwatch.expression import BadExpression
from clary.engines.cloudwatch.queries import Query, run
from clary.engines.cloudwatch.series import Metric, Read
from clary.resources.application_autoscaling.scalable_target import CONCURRENCY, INSTANCES, SCALABLE_TARGET
from clary.resources.application_autoscaling.scaling_policy import SCALING_POLICY
from clary.resources.cloudwatch.alarm import METRIC_ALARM
from clary.resources.inference.endpoint import ENDPOINT
from clary.store.records import Record

COOLDOWN = 300  # seconds, where a policy does not say: evidence/autoscaling.md
_POLICY = ":scalingPolicy:"
_ROLE = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
_PATH = "role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com"


class ScalableTargets:
    """The controller of scalable targets."""

    resource = SCALABLE_TARGET

    def __init__(self, means: Means, now: Callable[[], datetime]) -> None:
        self._means = means
        self._now = now

    def look(self, record: Record, now: datetime) -> Step:
        """See how many hosts there are and which alarms are on, and decide."""
        if record.doc["ServiceNamespace"] != "sagemaker":
            return Step(again=None)
        endpoint, (_, name) = self._endpoint(record), _place(record)
        variant = None if endpoint is None else _variant(endpoint, name)
        quiet = variant is None or variant.status != "InService" or open_activity(record.doc)
        policies = () if quiet else tuple(self._policies(record, now))
        return next_step(record, World(variant=variant, gone=endpoint is None, policies=policies), now)

    def act(self, record: Record, step: Step) -> Document:
        """Ask for another number of hosts, or forget the target; a refusal ends the activity."""
        endpoint, variant = _place(record)
        if step.effect == DEREGISTER:
            named = {name: record.doc[name] for name in SCALABLE_TARGET.key()}
            self._call(record, "application-autoscaling:DeregisterScalableTarget", named)
            return {}
        capacity: Document = {"DesiredInstanceCount": int(step.target)}
        if record.doc["ScalableDimension"] == CONCURRENCY:
            capacity = {"ServerlessUpdateConfig": {"ProvisionedConcurrency": int(step.target)}}
        asked: Document = {"VariantName": variant, **capacity}
        request: Document = {"EndpointName": endpoint, "DesiredWeightsAndCapacities": [asked]}
        try:
            self._call(record, "UpdateEndpointWeightsAndCapacities", request)
        except ApiError as error:
            there = self._endpoint(record)
            if there is not None and there.status != "InService":
                raise TryAgain(f"{endpoint} is {there.status}", after=SOON) from error
            failed = {"StatusCode": "Failed", "StatusMessage": error.message, "EndTime": self._now()}
            return latest(record.doc, failed)
        return {}

    def _call(self, record: Record, operation: str, request: Document) -> None:
        self._means.call(_scaler(record), record.region, operation, request, {})

    def _endpoint(self, record: Record) -> Record | None:
        return self._means.records.scoped(record.account, record.region).find(ENDPOINT, _place(record)[0])

    def _policies(self, record: Record, now: datetime) -> Iterator[Tracking]:
        records = self._means.records.scoped(record.account, record.region)
        key = "/".join(str(record.doc[name]) for name in SCALABLE_TARGET.key())
        for policy in records.each(SCALING_POLICY, under=key):
            config = policy.doc.get("TargetTrackingScalingPolicyConfiguration")
            if config is None:
                continue
            sides = {side: self._reading(record, policy, side, now) for side in ("High", "Low")}
            yield Tracking(
                name=policy.name,
                target=config["TargetValue"],
                high=sides["High"],
                low=sides["Low"],
                out_cooldown=timedelta(seconds=config.get("ScaleOutCooldown", COOLDOWN)),
                in_cooldown=timedelta(seconds=config.get("ScaleInCooldown", COOLDOWN)),
                shrinks=not config.get("DisableScaleIn", False),
            )

    def _reading(self, record: Record, policy: Record, side: str, now: datetime) -> Reading | None:
        """Return what an alarm watches, if it is on."""
        name = next(
            (a["AlarmName"] for a in policy.doc.get("Alarms", ()) if f"-Alarm{side}-" in a["AlarmName"]), ""
        )
        alarm = self._means.records.scoped(record.account, record.region).find(METRIC_ALARM, name)
        if alarm is None or alarm.doc["StateValue"] != "ALARM":
            return None
        queries, period = queries_of(alarm.doc)
        end = int(now.timestamp()) // period * period
        start = end - alarm.doc["EvaluationPeriods"] * period
        read: Read = partial(self._means.metrics.look, record.account, record.region)
        try:
            [result] = run(queries, read, start, end, end)
        except (BadExpression, ValueError):
            return None
        points = [(at, result.series.values.get(at)) for at in range(start, end, period)]
        idle = side == "Low" and record.doc["MinCapacity"] == 0 and self._idle(record, read, start, end)
        seen = tuple((datetime.fromtimestamp(at, UTC), value) for at, value in points)
        return Reading(alarm=name, points=seen, idle=idle)

    def _idle(self, record: Record, read: Read, start: int, end: int) -> bool:
        """Say whether nobody called a variant; of asynchronous requests only their backlog tells that."""
        name, variant = _place(record)
        endpoint = self._endpoint(record)
        if endpoint is None or "AsyncInferenceConfig" in endpoint.doc.get("_Wanted", {}):
            return False
        whose = (("EndpointName", name), ("VariantName", variant))
        metric = Metric("AWS/SageMaker", "Invocations", whose)
        start = start // 60 * 60
        [calls] = run(
            [Query(id="m", metric=metric, statistic="Sum", period=60)], read, start, end + 60, start
        )
        return not any(calls.series.values.values())


def set_off(means: Means, otherwise: Deliver) -> Deliver:
    """Return what hands the alarms of scaling policies on: the target looks at them by itself."""

    def deliver(alarm: Record, action: str, pending: Document) -> str | None:
        if _POLICY not in action:
            return otherwise(alarm, action, pending)
        place, _, name = action.partition(":resource/")[2].partition(":policyName/")
        space, _, resource = place.partition("/")
        records = means.records.scoped(alarm.account, alarm.region)
        keys = [f"{space}/{dimension}/{resource}/{name}" for dimension in (INSTANCES, CONCURRENCY)]
        known = any(records.find(SCALING_POLICY, key) for key in keys)
        return None if known else f"There is no scaling policy {action}."

    return deliver


def _variant(endpoint: Record, name: str) -> Variant | None:
    wanted = {each["VariantName"]: each for each in endpoint.doc.get("_Wanted", {}).get("Variants", ())}
    if name not in wanted:
        return None
    if config := wanted[name].get("Serverless"):
        count = config.get("ProvisionedConcurrency", 0)
        return Variant(
            status=str(endpoint.status),
            since=endpoint.status_since,
            count=count,
            current=count,  # an endpoint is in service once it has them
            fault=endpoint.doc.get("FailureReason", ""),
            what="provisioned concurrency",
        )
    return Variant(
        status=str(endpoint.status),
        since=endpoint.status_since,
        count=wanted[name]["Count"],
        current=sum(1 for host in endpoint.doc.get("_Hosts", ()) if host["Variant"] == name),
        fault=endpoint.doc.get("FailureReason", ""),
    )


def _place(record: Record) -> tuple[str, str]:
    """Return the endpoint and the variant that a target names."""
    _, endpoint, _, variant = record.doc["ResourceId"].split("/")
    return endpoint, variant


def _scaler(record: Record) -> Principal:
    """Return the service's own role, in whose name AWS scales too."""
    return Principal(
        account=record.account,
        arn=f"arn:aws:sts::{record.account}:assumed-role/{_ROLE}/AutoScaling",
        user_id=_ROLE,
        grants=f"arn:aws:iam::{record.account}:{_PATH}/{_ROLE}",
    )
