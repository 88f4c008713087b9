"""An endpoint's controller: what it sees of the world, and what it does to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from clary.controllers.host_metrics import HostMetrics
from clary.controllers.inference import fleet, rollout, serverless
from clary.controllers.inference.endpoint import FORGET, ROLLING_OUT, TAKING_BACK, World, next_step
from clary.controllers.logs import Stream, ingest
from clary.controllers.means import Means
from clary.controllers.s3 import DataFault, RoleObjects
from clary.controllers.step import Step, telling
from clary.core.document import Document
from clary.core.errors import TryAgain
from clary.engines.inference.asynchronous import config_of
from clary.resources.cloudwatch.alarm import COMPOSITE_ALARM, METRIC_ALARM
from clary.resources.inference.endpoint import ENDPOINT
from clary.runtime import occupancy
from clary.runtime.attendance import Attendance
from clary.runtime.local_provisioner import environments, serverless_type
from clary.runtime.spec import Input, RunSpec, Seen
from clary.store.records import Record
from clary.store.times import micros

GROUP = "/aws/sagemaker/Endpoints"
ASYNCHRONOUS = 3600  # seconds that an asynchronous request may take
STARTUP = 600  # seconds; what a container has to answer /ping when the variant does not say
BUSY = timedelta(seconds=1)  # Between looks at an environment that is to go and is being called.
STOP_GRACE = timedelta(seconds=60)  # as long as one prediction may take


class Endpoints:
    """The controller of endpoints."""

    resource = ENDPOINT

    def __init__(self, means: Means) -> None:
        self._means = means
        self._runtime = means.runtime
        self._hosts = HostMetrics(means)
        self._attendance = Attendance(means.settings.home)

    def look(self, record: Record, now: datetime) -> Step:
        """Take in the logs of all hosts, and decide."""
        demand = self._demand(record)
        record = replace(record, doc=serverless.fitted(record.doc, demand))
        hosts = fleet.members(record.doc)
        runs = {uid: self._runtime.inspect(uid) for host in hosts for uid in fleet.runs_of(host)}
        unlogged = [host["Uid"] for host in hosts if not self._all_logged(record, host, runs, now)]
        alive = record.doc["EndpointStatus"] in (*ROLLING_OUT, *TAKING_BACK, "InService")
        missing = alive and fleet.missing(record.doc, record.doc["_Wanted"])
        fault = self._fault(record, missing) if missing else ""
        world = World(
            runs=runs,
            unlogged=frozenset(unlogged),
            fault=fault,
            alarm=self._alarm(record),
            demand=demand,
            attended=frozenset(self._attended(hosts)),
            longest=self._longest(record.doc),
        )
        step = next_step(record, world, now)
        return telling(record.doc, step, ends=step.write.get("EndpointStatus") in ("InService", "Failed"))

    def act(self, record: Record, step: Step) -> Document:
        """Start, stop or remove one host: all its containers; let nobody call it, if nobody does just now."""
        place = occupancy.folder(self._means.settings.home, record.uid)
        if step.effect == "start":
            variant = fleet.variant_of(record.doc, step.write["_Fleet"][-1])
            if "Serverless" in variant:
                occupancy.open_place(place, step.target)
            for spec in self._plans(record, variant, step.target):
                self._runtime.start(spec)
            return {}
        if step.effect == FORGET:
            occupancy.forget_all(place)
            return {}
        if step.effect == serverless.CLOSE:
            if not occupancy.close_place(place, step.target):
                raise TryAgain(f"{step.target} is being called", after=BUSY)
            return {}
        if step.effect == "stop" and not occupancy.close_place(place, step.target):
            raise TryAgain(f"{step.target} is being called", after=BUSY)
        occupancy.forget(place, step.target)
        if step.effect == "remove":
            self._attendance.forget(step.target)
        host = next(each for each in fleet.members(record.doc) if each["Uid"] == step.target)
        for uid in fleet.runs_of(host):
            (self._runtime.stop if step.effect == "stop" else self._runtime.remove)(uid)
        return {}

    def _attended(self, hosts: Sequence[Document]) -> Iterator[str]:
        """Give the hosts on their way out that somebody waits for."""
        for host in hosts:
            if "Draining" in host and "Stopped" not in host and self._attendance.attended(host["Uid"]):
                yield host["Uid"]

    def _longest(self, doc: Document) -> timedelta:
        limits = self._means.settings.limits
        seconds = max(limits.model_seconds, limits.stream_seconds)
        return timedelta(seconds=max(seconds, ASYNCHRONOUS) if config_of(doc) else seconds)

    def _all_logged(self, record: Record, host: Document, runs: fleet.Runs, now: datetime) -> bool:
        """Take in the logs of a host's containers; tell whether those that ended have told all."""
        base = f"{host['Variant']}/{host['Uid']}"
        uids = fleet.runs_of(host)
        several = "Containers" in host
        names = [f"{base}/{number}" for number in range(1, len(uids) + 1)] if several else [base]
        logged = [
            self._logged(record, host, name, uid, runs[uid], now)
            for name, uid in zip(names, uids, strict=True)
        ]
        return all(logged)

    def _logged(self, record: Record, host: Document, name: str, uid: str, run: Seen, now: datetime) -> bool:
        if run.started is None:
            return True
        stream = Stream(record.account, record.region, f"{GROUP}/{record.name}", name)
        ended = run.phase == "exited"
        whose = [("EndpointName", record.name), ("VariantName", host["Variant"])]
        self._hosts.take(record, uid, GROUP, whose, ended=ended)
        done = ingest(self._runtime, uid, self._means.logs, stream, now, ended=ended)
        if done and ended and run.failure:
            self._tell_end(stream, uid, run, now)
        return done or not ended

    def _tell_end(self, stream: Stream, uid: str, run: Seen, now: datetime) -> None:
        """Have the log end with how the run did, which what it printed may not say.

        That counts as one byte behind all that was printed, so it is said once however often it is tried. Its
        time is, like theirs, when it was taken in: lines that were taken in after the end stay before it.
        """
        place = (stream.account, stream.region, stream.group, stream.name)
        offset = self._means.logs.offset(*place)
        if offset and not self._runtime.output(uid, offset - 1, 1):
            return
        words = f"The container ended: {run.failure}"
        events = [(micros(now) // 1000, words)]
        self._means.logs.put(*place, events, offset=offset, next_offset=offset + 1)

    def _alarm(self, record: Record) -> str:
        """Say which of the alarms that an update names has gone off."""
        if "_Rollout" not in record.doc:
            return ""
        records = self._means.records.scoped(record.account, record.region)
        for name in rollout.plan_of(record.doc).alarms:
            alarm = records.find(METRIC_ALARM, name) or records.find(COMPOSITE_ALARM, name)
            if alarm and alarm.status == "ALARM":
                return f'The alarm "{name}" went off. {alarm.doc.get("StateReason", "")}'.strip()
        return ""

    def _demand(self, record: Record) -> serverless.Demand | None:
        """See which environments of a serverless variant are called, and how many calls there are."""
        configs = [record.doc[name] for name in ("_Serving", "_Wanted") if name in record.doc]
        variant = next(filter(None, map(serverless.of, configs)), None)
        if variant is None:
            return None
        settings, config = self._means.settings, variant["Serverless"]
        place = occupancy.folder(settings.home, record.uid)
        uids = [host["Uid"] for host in fleet.members(record.doc)]
        used = {uid: at for uid in uids if (at := occupancy.last_used(place, uid)) is not None}
        most = settings.serverless_environments or environments(config["MemorySizeInMB"])
        return serverless.Demand(
            calls=occupancy.calls(place, config["MaxConcurrency"]),
            busy=frozenset(uid for uid in used if occupancy.in_use(place, uid)),
            used={uid: datetime.fromtimestamp(at, UTC) for uid, at in used.items()},
            most=min(most, config["MaxConcurrency"]),
            idle=timedelta(seconds=settings.serverless_idle),
        )

    def _fault(self, record: Record, variant: Document) -> str:
        try:
            self._plans(record, variant, fleet.next_uid(record.uid, record.doc, variant))
        except DataFault as fault:
            return str(fault)
        return ""

    def _plans(self, record: Record, variant: Document, uid: str) -> list[RunSpec]:
        """Return the runs of the next host, one a container."""
        containers = variant.get("Containers") or [variant["Container"]]
        host = {"Uid": uid, "Containers": len(containers)}
        return [
            self._plan(record, variant, container, number, uid)
            for number, (container, uid) in enumerate(zip(containers, fleet.runs_of(host), strict=True), 1)
        ]

    def _plan(self, record: Record, variant: Document, container: Document, number: int, uid: str) -> RunSpec:
        role, alone = variant["Role"], variant.get("Serverless")
        patience = variant.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP)
        return RunSpec(
            uid=uid,
            image=container["Image"],
            program="serve",
            environment={
                **self._means.environment(uid, role, record.region),
                "SAGEMAKER_MODEL_SERVER_TIMEOUT": f"{self._means.settings.limits.model_seconds:.0f}",
                **({"SAGEMAKER_MODEL_SERVER_WORKERS": "1"} if alone else {}),  # it has one call at a time
                **container.get("Environment", {}),
                **({"SAGEMAKER_MULTI_MODEL": "true"} if container.get("Mode") == "MultiModel" else {}),
            },
            instance_type=serverless_type(alone["MemorySizeInMB"]) if alone else variant["InstanceType"],
            inputs=model_data(container, self._means.as_role(role), number),
            network=not variant["Isolated"],
            serves=True,
            startup_timeout=timedelta(seconds=patience),
            stop_grace=STOP_GRACE,
            longest_call=self._longest(record.doc),
        )


def model_data(container: Document, objects: RoleObjects, number: int = 1) -> tuple[Input, ...]:
    """Place a container's model below /opt/ml/model: an archive unpacked, or objects as they are."""
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    uri = source["S3Uri"] if source else container.get("ModelDataUrl")
    if not uri or container.get("Mode") == "MultiModel":  # whose models come one by one, as they are called
        return ()
    try:  # evidence/endpoint-failures.md
        if source and source["S3DataType"] == "S3Prefix":
            return objects.place(uri, "model")
        if source and source["CompressionType"] == "None":
            return (Input(source=objects.one(uri), target=f"model/{uri.rsplit('/', 1)[-1]}"),)
        return (Input(source=objects.one(uri), target="model", unpack=True),)
    except DataFault as fault:
        raise DataFault(
            f'Failed to download model data for container "container_{number}" from URL: "{uri}". Please '
            "ensure that there is an object located at the URL and that the role passed to CreateModel has "
            f"permissions to download the object. ({str(fault).removeprefix('Data download failed:')})"
        ) from fault
