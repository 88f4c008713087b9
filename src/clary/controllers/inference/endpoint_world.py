"""An endpoint's controller: what it sees of the world, and what it does to it."""

from __future__ import annotations

from datetime import datetime, timedelta

from clary.controllers.host_metrics import HostMetrics
from clary.controllers.inference import fleet, rollout
from clary.controllers.inference.endpoint import ROLLING_OUT, World, next_step
from clary.controllers.logs import Stream, ingest
from clary.controllers.means import Means
from clary.controllers.s3 import DataFault, RoleObjects
from clary.controllers.step import Step
from clary.core.document import Document
from clary.resources.cloudwatch.alarm import COMPOSITE_ALARM, METRIC_ALARM
from clary.resources.inference.endpoint import ENDPOINT
from clary.runtime.spec import Input, RunSpec, Seen
from clary.store.records import Record

GROUP = "/aws/sagemaker/Endpoints"
STARTUP = 600  # seconds; what a container has to answer /ping when the variant does not say
STOP_GRACE = timedelta(seconds=60)  # as long as one prediction may take


class Endpoints:
    """The controller of endpoints."""

    resource = ENDPOINT

    def __init__(self, means: Means) -> None:
        self._means = means
        self._runtime = means.runtime
        self._hosts = HostMetrics(means)

    def look(self, record: Record, now: datetime) -> Step:
        """Take in the logs of all hosts, and decide."""
        hosts = fleet.members(record.doc)
        runs = {host["Uid"]: self._runtime.inspect(host["Uid"]) for host in hosts}
        unlogged = [host["Uid"] for host in hosts if not self._logged(record, host, runs[host["Uid"]], now)]
        alive = record.doc["EndpointStatus"] in (*ROLLING_OUT, "InService")
        missing = alive and fleet.missing(record.doc, record.doc["_Wanted"])
        fault = self._fault(record) if missing else ""
        world = World(runs=runs, unlogged=frozenset(unlogged), fault=fault, alarm=self._alarm(record))
        return next_step(record, world, now)

    def act(self, record: Record, step: Step) -> Document:
        """Start, stop or remove one host."""
        if step.effect == "start":
            self._runtime.start(self._plan(record))
        elif step.effect == "stop":
            self._runtime.stop(step.target)
        else:
            self._runtime.remove(step.target)
        return {}

    def _logged(self, record: Record, host: Document, run: Seen, now: datetime) -> bool:
        if run.started is None:
            return True
        name = f"{host['Variant']}/{host['Uid']}"
        stream = Stream(record.account, record.region, f"{GROUP}/{record.name}", name)
        ended = run.phase == "exited"
        whose = [("EndpointName", record.name), ("VariantName", host["Variant"])]
        self._hosts.take(record, host["Uid"], GROUP, whose, ended=ended)
        done = ingest(self._runtime, host["Uid"], self._means.logs, stream, now, ended=ended)
        return done or not ended

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

    def _fault(self, record: Record) -> str:
        try:
            self._plan(record)
        except DataFault as fault:
            return str(fault)
        return ""

    def _plan(self, record: Record) -> RunSpec:
        """Return the run of the next host."""
        variant = fleet.missing(record.doc, record.doc["_Wanted"])
        if variant is None:
            raise ValueError(f"{record.arn} has all its hosts")
        uid = fleet.next_uid(record.uid, record.doc, variant)
        container, role = variant["Container"], variant["Role"]
        patience = variant.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP)
        return RunSpec(
            uid=uid,
            image=container["Image"],
            program="serve",
            environment={
                **self._means.environment(uid, role, record.region),
                "SAGEMAKER_MODEL_SERVER_TIMEOUT": f"{self._means.settings.limits.model_seconds:.0f}",
                **container.get("Environment", {}),
            },
            instance_type=variant["InstanceType"],
            inputs=model_data(container, self._means.as_role(role)),
            network=not variant["Isolated"],
            serves=True,
            startup_timeout=timedelta(seconds=patience),
            stop_grace=STOP_GRACE,
        )


def model_data(container: Document, objects: RoleObjects) -> tuple[Input, ...]:
    """Place a container's model below /opt/ml/model: an archive unpacked, or objects as they are."""
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    uri = source["S3Uri"] if source else container.get("ModelDataUrl")
    if not uri:
        return ()
    try:  # evidence/endpoint-failures.md
        if source and source["S3DataType"] == "S3Prefix":
            return objects.place(uri, "model")
        if source and source["CompressionType"] == "None":
            return (Input(source=objects.one(uri), target=f"model/{uri.rsplit('/', 1)[-1]}"),)
        return (Input(source=objects.one(uri), target="model", unpack=True),)
    except DataFault as fault:
        raise DataFault(
            f'Failed to download model data for container "container_1" from URL: "{uri}". Please ensure '
            "that there is an object located at the URL and that the role passed to CreateModel has "
            f"permissions to download the object. ({str(fault).removeprefix('Data download failed:')})"
        ) from fault
