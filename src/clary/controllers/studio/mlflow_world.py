"""MLflow servers: what their controllers see of the world, and what they do to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from clary.controllers.logs import Stream, ingest
from clary.controllers.means import Means
from clary.controllers.step import AT_ONCE, Step
from clary.controllers.studio import mlflow, mlflow_runs, registering
from clary.controllers.studio.mlflow import World, next_step
from clary.controllers.studio.mlflow_api import Client, NoAnswer
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.resources.spec import Resource
from clary.resources.studio.mlflow import MLFLOW_APP, MLFLOW_TRACKING_SERVER
from clary.runtime.local_provisioner import serverless_type
from clary.runtime.removal import remove_tree
from clary.runtime.spec import Mount, RunSpec
from clary.store.records import Record

IMAGE = "mlflow"
MEGABYTES = {"Small": 2048, "Medium": 4096, "Large": 8192}
STARTUP = timedelta(minutes=3)
STOP_GRACE = timedelta(seconds=10)
REGISTER_AGAIN = timedelta(seconds=60)  # after models could not be registered


class MlflowServers:
    """The controller of tracking servers, or of apps."""

    def __init__(self, means: Means, resource: Resource) -> None:
        self._means = means
        self._resource = resource
        self._status = resource.status or ""

    @property
    def resource(self) -> Resource:
        """The kind whose records it tends."""
        return self._resource

    def look(self, record: Record, now: datetime) -> Step:
        """Take in the log, and decide."""
        run = record.doc.get("_Run")
        seen = self._means.runtime.inspect(run["Uid"] if run else mlflow.next_run(record))
        logged = not run or not seen.started or self._logged(record, run, now, seen.phase)
        registers = registering.wanted(record.doc)
        world = World(run=seen, logged=logged, url=self._url(record), registers=registers)
        return next_step(record, self._status, world, now)

    def act(self, record: Record, step: Step) -> Document | Step:
        """Start, stop or remove a run, forget all that a server kept, or register its models."""
        runtime = self._means.runtime
        if step.effect == mlflow.START:
            self._folder(record).mkdir(parents=True, exist_ok=True, mode=0o700)
            runtime.start(self._plan(record, step.target))
        elif step.effect == mlflow.STOP:
            runtime.stop(step.target)
        elif step.effect == mlflow.REMOVE:
            runtime.remove(step.target)
        elif step.effect == mlflow.REGISTER:
            return self._register(record, step)
        else:
            remove_tree(self._folder(record))
        return {}

    def _register(self, record: Record, step: Step) -> Step:
        """Register what is new; what keeps it from being is in the server's log, and tried again later."""
        client, whole = Client(Path(record.doc["_Socket"])), True
        told: Document = {}
        try:
            for member, work in (("_Registered", registering.register), ("_Followed", mlflow_runs.follow)):
                told[member], all_of_it = work(self._means, record, client)
                whole = whole and all_of_it
        except (NoAnswer, ApiError, AttributeError, KeyError, TypeError, ValueError) as error:
            words = (
                error.message if isinstance(error, ApiError) else f"MLflow did not tell of them: {error!r}"
            )
            registering.say(self._means, record, f"Not all models and runs are shown by Clary: {words}")
            told["_RegisterAt"] = self._means.records.clock.now() + REGISTER_AGAIN
        changed = {member: value for member, value in told.items() if record.doc.get(member) != value}
        return replace(step, write=changed, again=step.again if whole else AT_ONCE)

    def _folder(self, record: Record) -> Path:
        return self._means.settings.home.mlflow / record.uid

    def _url(self, record: Record) -> str:
        return f"http://{self._means.settings.host}:{self._means.gateway_port()}/_clary/mlflow/{record.uid}/"

    def _logged(self, record: Record, run: Document, now: datetime, phase: str) -> bool:
        """Take in what a run printed; tell whether one that ended has told all."""
        ended = phase == "exited"
        stream = Stream(record.account, record.region, registering.log_group(record), run["Stream"])
        runtime, logs = self._means.runtime, self._means.logs
        return ingest(runtime, run["Uid"], logs, stream, now, ended=ended) or not ended

    def _plan(self, record: Record, uid: str) -> RunSpec:
        """Return one run of a server."""
        doc = record.doc
        place = {
            "TRACKING_DATABASE": "/opt/ml/tracking/mlflow.db",
            "TRACKING_ARTIFACT_ROOT": doc["ArtifactStoreUri"].rstrip("/"),
        }
        home = self._means.settings.home.mlflow
        return RunSpec(
            uid=uid,
            image=IMAGE,
            program="serve",
            environment={**self._means.environment(uid, doc["RoleArn"], record.region), **place},
            instance_type=serverless_type(MEGABYTES[mlflow.made_of(doc)["Size"]]),
            mounts=(Mount(root=home, path=record.uid, target="tracking", writable=True),),
            serves=True,
            startup_timeout=STARTUP,
            stop_grace=STOP_GRACE,
        )


def servers(means: Means) -> tuple[MlflowServers, MlflowServers]:
    """Return the controllers of both kinds."""
    return MlflowServers(means, MLFLOW_TRACKING_SERVER), MlflowServers(means, MLFLOW_APP)
