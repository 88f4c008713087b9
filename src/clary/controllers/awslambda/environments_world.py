"""A function's environments: what their controller sees of the world, and what it does to it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from clary.controllers.awslambda import environments
from clary.controllers.awslambda.environments import World, next_step
from clary.controllers.logs import Stream, ingest
from clary.controllers.means import Means
from clary.controllers.step import Step
from clary.core.document import Document
from clary.core.errors import TryAgain
from clary.resources.awslambda.environments import LAMBDA_ENVIRONMENTS
from clary.resources.awslambda.invocation import LAMBDA_INVOCATION
from clary.runtime import occupancy
from clary.runtime.local_provisioner import environments as most_at_once
from clary.runtime.local_provisioner import serverless_type
from clary.runtime.removal import remove_tree
from clary.runtime.spec import Input, RunSpec
from clary.store.records import Record

IMAGE = "lambda-python"
GROUP = "/aws/lambda"
BESIDE = 64  # MB for the server beside the function's own process, which it holds to the function's size
STARTUP = timedelta(seconds=60)
STOP_GRACE = timedelta(seconds=5)
LONGEST = timedelta(seconds=960)  # a function's 900 s, and its start
BUSY = timedelta(milliseconds=200)


class LambdaEnvironments:
    """The controller of functions' environments."""

    resource = LAMBDA_ENVIRONMENTS

    def __init__(self, means: Means) -> None:
        self._means = means
        self._runtime = means.runtime
        self._idle = timedelta(seconds=means.settings.serverless_idle)

    def look(self, record: Record, now: datetime) -> Step:
        """Take in the logs of all environments, and decide."""
        hosts = environments.members(record.doc)
        uids = [host["Uid"] for host in hosts]
        runs = {uid: self._runtime.inspect(uid) for uid in uids}
        unlogged = {
            host["Uid"]
            for host in hosts
            if runs[host["Uid"]].started and not self._logged(record, host, now, runs[host["Uid"]].phase)
        }
        place, wanted = self._place(record), record.doc["_Wanted"]
        used = {uid: at for uid in uids if (at := occupancy.last_used(place, uid)) is not None}
        settings = self._means.settings
        times = {uid: datetime.fromtimestamp(at, UTC) for uid, at in used.items()}
        busy = {uid for uid in used if occupancy.in_use(place, uid)}
        world = World(
            runs=runs,
            unlogged=frozenset(unlogged),
            calls=occupancy.calls(place, max(1, wanted["MaxConcurrency"])),
            busy=frozenset(busy | self._held(record, now, busy, times)),
            used=times,
            most=settings.serverless_environments or most_at_once(wanted["MemorySize"]),
            idle=self._idle,
        )
        return next_step(record, world, now)

    def act(self, record: Record, step: Step) -> Document:
        """Start, close, stop or remove one; forget what there is of all."""
        place, uid = self._place(record), step.target
        if step.effect == "start":
            occupancy.open_place(place, uid)
            self._runtime.start(self._plan(record, step.write["_Fleet"][-1]))
            self._tidy(record)
        elif step.effect == environments.FORGET:
            occupancy.forget_all(place)
            remove_tree(self._folder(record))
        elif step.effect == environments.CLOSE or step.effect == "stop":
            if not occupancy.close_place(place, uid):
                raise TryAgain(f"{uid} is being called", after=BUSY)
            if step.effect == "stop":
                self._runtime.stop(uid)
        else:
            occupancy.forget(place, uid)
            self._runtime.remove(uid)
        return {}

    def _place(self, record: Record) -> Path:
        return occupancy.folder(self._means.settings.home, record.uid)

    def _held(
        self, record: Record, now: datetime, busy: Collection[str], used: Mapping[str, datetime]
    ) -> set[str]:
        """Return those that would go, but work on a durable invocation whose caller was killed."""
        going = {
            host["Uid"]
            for host in environments.members(record.doc)
            if host["Uid"] in used and host["Uid"] not in busy and "Stopped" not in host
            if "Draining" in host
            or "_Gone" in record.doc
            or host["Generation"] != record.doc["_Wanted"]["Generation"]
            or now - max(used[host["Uid"]], host.get("ReadySince", now)) >= self._idle
        }
        if not going:
            return set()
        under_way = self._means.records.in_status(LAMBDA_INVOCATION, "InProgress")
        return going & {each.doc["_Environment"] for each in under_way}

    def _folder(self, record: Record) -> Path:
        return self._means.settings.home.functions / record.name

    def _logged(self, record: Record, host: Document, now: datetime, phase: str) -> bool:
        """Take in what an environment printed; tell whether one that ended has told all."""
        group = f"{GROUP}/{record.doc['FunctionName']}"
        stream = Stream(record.account, record.region, group, host["Stream"])
        ended = phase == "exited"
        return ingest(self._runtime, host["Uid"], self._means.logs, stream, now, ended=ended) or not ended

    def _tidy(self, record: Record) -> None:
        """Delete code that no environment will start with any more; an update may be bringing some."""
        kept = record.doc["_Wanted"]["Code"]
        for path in self._folder(record).glob("*.zip"):
            with contextlib.suppress(FileNotFoundError):
                if path.name != kept and path.stat().st_mtime < (self._folder(record) / kept).stat().st_mtime:
                    path.unlink()

    def _plan(self, record: Record, host: Document) -> RunSpec:
        """Return the run of one environment."""
        wanted = record.doc["_Wanted"]
        told = {
            "name": record.doc["FunctionName"],
            "version": "$LATEST",
            "handler": wanted["Handler"],
            "runtime": wanted["Runtime"],
            "memory": wanted["MemorySize"],
            "timeout": wanted["Timeout"],
            "group": f"{GROUP}/{record.doc['FunctionName']}",
            "stream": host["Stream"],
            "variables": wanted["Variables"],
        }
        return RunSpec(
            uid=host["Uid"],
            image=IMAGE,
            program="serve",
            environment=self._means.environment(host["Uid"], wanted["Role"], record.region),
            instance_type=serverless_type(wanted["MemorySize"] + BESIDE),
            inputs=(Input(source=self._folder(record) / wanted["Code"], target="function.zip"),),
            files={"function.json": json.dumps(told)},
            serves=True,
            startup_timeout=STARTUP,
            stop_grace=STOP_GRACE,
            longest_call=LONGEST,
        )
