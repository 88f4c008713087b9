"""The composition root: the only module that builds the parts and joins them.

`python -m clary.app gateway` answers calls, `python -m clary.app controller` runs the lifecycles. The
supervisor (`clary up`) starts both with `CLARY_*` in their environment.
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from clary.core import ids, wake
from clary.core import logging as log_setup
from clary.core.clock import Clock, SystemClock
from clary.core.listening import port_of
from clary.core.settings import Settings

if TYPE_CHECKING:
    from clary.controllers.events.courier import Courier
    from clary.controllers.means import Means
    from clary.controllers.step import Controller
    from clary.gateway.audit import Audit
    from clary.gateway.exchange import DataPlane, Parts
    from clary.operations.authorise import Authoriser
    from clary.serving.asynchronous.driver import Driver
    from clary.serving.awslambda.durable import Durable
    from clary.serving.router import Router
    from clary.store.credentials import Credentials
    from clary.store.database import Database
    from clary.store.logs import Logs
    from clary.store.metrics import Metrics
    from clary.store.objects import Objects
    from clary.store.records import Records

THREADS = 16
"""Calls of one gateway process that work at the same time; more of them wait their turn."""

TURN = 0.0005
"""Seconds that a thread of a gateway works while others want to: so long may a prediction wait for a list."""

SESSION_NAME = "SageMaker"
"""What a controller's session of a job's role is called in messages."""

_log = logging.getLogger("clary.app")  # __name__ is __main__ here


def main() -> int:
    """Run one process until it is told to stop; return its exit code."""
    roles = {"gateway": serve_gateway, "controller": run_controller}
    role = sys.argv[1] if len(sys.argv) > 1 else ""
    if role not in roles:
        print(f"usage: python -m clary.app {{{','.join(roles)}}}", file=sys.stderr)
        return 2
    settings = Settings.from_environment(os.environ)
    log_setup.setup(settings.log_level, role)
    try:
        _run(roles[role](settings))
    except OSError as error:
        _log.error("cannot start: %s", error)
        return 1
    return 0


@dataclass(frozen=True, kw_only=True)
class Stores:
    """What both roles keep their knowledge in."""

    database: Database
    records: Records
    objects: Objects
    logs: Logs
    metrics: Metrics
    credentials: Credentials
    authoriser: Authoriser


def open_home(settings: Settings, clock: Clock) -> Stores:
    """Open the home, and make what a new one lacks, one process at a time."""
    from clary.gateway.certificates import ensure_authority
    from clary.operations import bootstrap
    from clary.operations.authorise import Authoriser
    from clary.operations.s3.bucket_policy import BucketSide
    from clary.store.changes import Changes
    from clary.store.credentials import Credentials
    from clary.store.database import Database
    from clary.store.keys import MasterKey
    from clary.store.logs import Logs
    from clary.store.metrics import Metrics
    from clary.store.objects import Objects
    from clary.store.records import Records

    home = settings.home
    for directory in (home.root, home.run, home.keys, home.logs, home.jobs):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home.run / "bootstrap.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        database = Database(home.database)
        records, objects = Records(database, clock), Objects(database, home.objects, clock)
        changes = Changes(database)
        credentials = Credentials(records, MasterKey.open(home.keys), clock, changes)
        bootstrap.prepare(settings, records, objects, credentials)
        ensure_authority(home.keys, clock.now())

    return Stores(
        database=database,
        records=records,
        objects=objects,
        logs=Logs(database, clock),
        metrics=Metrics(database, clock),
        credentials=credentials,
        authoriser=Authoriser(records, changes, clock, BucketSide(objects)),
    )


def gateway_parts(settings: Settings, clock: Clock, stores: Stores, audit_log: Path) -> Parts:
    """Join what a gateway process needs."""
    from clary.gateway.access import AccessLog
    from clary.gateway.audit import Audit
    from clary.gateway.exchange import Parts
    from clary.operations.dispatch import Dispatcher

    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="call")
    most = settings.access_log_mb << 20
    calls = audit_log.with_name(audit_log.name.replace("audit", "access"))
    return Parts(
        settings=settings,
        clock=clock,
        records=stores.records,
        objects=stores.objects,
        logs=stores.logs,
        metrics=stores.metrics,
        credentials=stores.credentials,
        authoriser=stores.authoriser,
        dispatcher=Dispatcher(),
        plane=_data_plane(settings, clock, stores),
        audit=Audit(audit_log),
        access=AccessLog(calls, most, pool) if most else None,
        pool=pool,
        wake=settings.home.run / "wake.sock",
    )


def _data_plane(settings: Settings, clock: Clock, stores: Stores) -> DataPlane:
    from clary.gateway.exchange import DataPlane
    from clary.operations.authorise import Authoriser
    from clary.serving.awslambda.functions import Functions
    from clary.serving.holding import Holding
    from clary.serving.models.models import Models
    from clary.serving.router import Router
    from clary.serving.serverless import Serverless
    from clary.serving.sessions import Sessions
    from clary.store.changes import Changes, Glance
    from clary.store.credentials import Credentials
    from clary.store.keys import MasterKey

    records, glance = stores.records, Glance(Changes(stores.database))
    serverless = Serverless(glance, clock, settings.limits, settings.home)
    holding = Holding(records, glance, clock, settings.home.run / "wake.sock")
    models = Models(stores.objects, allowed_by(stores), settings.home.jobs)
    sessions = Sessions(settings.home.run / "sessions")
    return DataPlane(
        look=glance.look,
        changes=glance,
        credentials=Credentials(records, MasterKey.open(settings.home.keys), clock, glance),
        authoriser=Authoriser(records, glance, clock),
        router=Router(records, glance, clock, settings.limits, holding, serverless, models, sessions),
        functions=Functions(records, glance, clock, settings.home),
    )


async def serve_gateway(settings: Settings) -> None:
    """Answer calls on loopback until told to stop."""
    from clary.gateway import server as network
    from clary.gateway.app import Gateway
    from clary.gateway.certificates import Leaves
    from clary.gateway.redirect import Redirect
    from clary.serving.bills import Bills
    from clary.serving.captures import CaptureWriter
    from clary.serving.models.models import ModelReporter
    from clary.serving.reporting import Reporter
    from clary.serving.turns import turns

    sys.setswitchinterval(TURN)
    home, slot = settings.home, network.take_slot(settings.home.run)
    listener, front = network.listeners(settings, slot)
    port, proxy_port = port_of(listener), port_of(front)
    clock = SystemClock()
    stores = open_home(settings, clock)
    parts = gateway_parts(settings, clock, stores, home.logs / f"audit-{slot.number}.jsonl")
    redirect = Redirect(Leaves(home.keys), (settings.host, port), settings.upstream_proxy)
    await redirect.start(front)
    started = datetime.now(UTC).isoformat()

    def listening() -> None:
        network.announce(home.run, slot, {"port": port, "proxy_port": proxy_port, "started": started})
        _log.info("listening on %s:%s, redirecting on %s:%s", settings.host, port, settings.host, proxy_port)
        parts.pool.submit(_load_models)

    longest = max(settings.limits.model_seconds, settings.limits.stream_seconds)
    server = network.Server(Gateway(parts), listening, longest_call=longest)
    server.stop_on_signals()
    router, stopped = parts.plane.router, asyncio.Event()
    reporter = Reporter(router, stores.metrics, clock, parts.pool)
    writer = CaptureWriter(
        router.captures, stores.objects, stores.logs, allowed_by(stores), clock, parts.pool
    )
    books = router.serverless.books if router.serverless else list
    bills = Bills(books, stores.logs, stores.metrics, clock, parts.pool)
    told = (reporter.report, writer.write, bills.report, _invocations(parts))
    beside = [asyncio.create_task(turns(stopped, work)) for work in told]
    looks = _looks(router, settings, stores, parts.pool)
    beside += [asyncio.create_task(turns(stopped, work, every=seconds)) for work, seconds in looks]
    if parts.access:
        beside.append(asyncio.create_task(turns(stopped, parts.access.write, every=1)))
    if router.models:
        models = ModelReporter(router.models, stores.metrics, clock, parts.pool)
        beside.append(asyncio.create_task(turns(stopped, models.report)))
    try:
        await server.serve([listener])
    finally:
        stopped.set()
        await asyncio.gather(*beside)
        redirect.close()
        if router.models:
            router.models.fetching.close()
        parts.pool.shutdown()
        parts.audit.close()
        stores.objects.close()
        stores.database.close()
        _log.info("stopped")


def _invocations(parts: Parts) -> Callable[[], Coroutine[None, None, None]]:
    """Return what reports the invocations of functions."""
    from clary.serving.awslambda.measures import Reporting

    return Reporting(parts.plane.functions.measures, parts.metrics, parts.clock, parts.pool).report


def _looks(
    router: Router, settings: Settings, stores: Stores, pool: Executor
) -> list[tuple[Callable[[], Coroutine[None, None, None]], float]]:
    """Return what looks at the calls that are under way, or were, and how often, in seconds."""
    from clary.runtime.attendance import Attendance
    from clary.serving.attending import Attending
    from clary.serving.pruning import EVERY, Pruner
    from clary.serving.sampling import Sampler

    return [
        (Sampler(router, settings.gateways).sample, 1),
        (Attending(router, Attendance(settings.home)).look, 1),
        (Pruner(router, stores.records, pool).prune, EVERY),
    ]


async def run_controller(settings: Settings) -> None:
    """Run the lifecycles until told to stop."""
    from clary.controllers.cloudwatch.retention import retain
    from clary.controllers.lineage.follower import Follower
    from clary.controllers.loop import Loop
    from clary.controllers.sweep import sweep
    from clary.gateway.audit import Audit

    clock = SystemClock()
    stores = open_home(settings, clock)
    lock = _alone(settings)
    family = f"controller-{socket.gethostname()}-"  # whoever else was called so on this home is dead
    if inherited := stores.records.disown(family):
        _log.info("taking over %s records of a controller that was killed", inherited)

    audit = Audit(settings.home.logs / "audit-controller.jsonl")
    means, functions = _means(settings, clock, stores, audit), _functions(settings, clock, stores)
    owner = f"{family}{os.getpid()}-{ids.uid()[:8]}"
    loop = Loop(
        stores.records,
        _controllers(means, clock, functions),
        clock,
        owner=owner,
        bell=settings.home.run / "wake.sock",
        chore=lambda: [*(chore(means, clock.now()) for chore in (sweep, retain)), stores.objects.expire()],
    )
    threading.Thread(target=stores.objects.sweep, name="objects-sweep", daemon=True).start()
    ended = threading.Event()
    beside = {
        "lineage": Follower(stores.records, stores.metrics).run,
        "invocations": _driver(clock, stores, means, owner).run,
        "events": _courier(clock, stores, means).run,
        "functions": functions.run,
    }
    threads = [
        threading.Thread(target=work, args=(ended,), name=name, daemon=True) for name, work in beside.items()
    ]
    for thread in threads:
        thread.start()
    _log.info("tending the records of %s", settings.home.root)
    try:
        await loop.run(_until_stopped())
    finally:
        ended.set()
        for thread in threads:
            thread.join(10)
        audit.close()
        stores.objects.close()
        stores.database.close()
        lock.close()
        _log.info("stopped")


def allowed_by(stores: Stores) -> Callable[[str, str, str], bool]:
    """Return what says whether a role may do something to a resource."""

    def allowed(role: str, action: str, resource: str) -> bool:
        principal = stores.credentials.role_principal(role, SESSION_NAME)
        return stores.authoriser.allowed(principal, action, resource)

    return allowed


def _courier(clock: Clock, stores: Stores, means: Means) -> Courier:
    """Return what carries events to their targets."""
    from clary.controllers.events.courier import Courier
    from clary.controllers.events.sending import Sender
    from clary.operations.permissions.by_service import letting_in
    from clary.operations.sts.trust import trusting

    bell = means.settings.home.run / "wake.sock"
    sender = Sender(means, letting_in(stores.records), trusting(stores.records))
    return Courier(stores.records, stores.metrics, clock, sender, lambda: wake.send(bell))


def _functions(settings: Settings, clock: Clock, stores: Stores) -> Durable:
    """Return what sees durable invocations of functions through."""
    from clary.serving.awslambda.durable import Durable
    from clary.serving.awslambda.functions import Functions
    from clary.serving.awslambda.measures import Reporting
    from clary.store.changes import Changes, Glance

    functions = Functions(stores.records, Glance(Changes(stores.database)), clock, settings.home)
    reporting = Reporting(functions.measures, stores.metrics, clock, None)
    return Durable(functions, reporting, settings.home.run / "wake.sock")


def _driver(clock: Clock, stores: Stores, means: Means, owner: str) -> Driver:
    """Return what works off asynchronous requests; those of a driver that is dead are anybody's again."""
    from clary.runtime.attendance import Attendance
    from clary.serving.asynchronous.doors import Doors
    from clary.serving.asynchronous.driver import Driver
    from clary.serving.asynchronous.measures import Measures
    from clary.serving.asynchronous.publishing import publishing
    from clary.store.invocations.queue import Invocations

    invocations = Invocations(stores.database, owner)
    invocations.disown(f"controller-{socket.gethostname()}-")
    doors = Doors(
        records=stores.records,
        objects=stores.objects,
        logs=stores.logs,
        invocations=invocations,
        measures=Measures(stores.metrics),
        clock=clock,
        allowed=means.allowed,
        attendance=Attendance(means.settings.home),
        publish=publishing(
            lambda role, region, operation, request: means.call(
                stores.credentials.role_principal(role, SESSION_NAME), region, operation, request, {}
            )
        ),
    )
    return Driver(doors)


def _alone(settings: Settings) -> TextIO:
    """Hold the lock of a home's one controller, or refuse to be a second one."""
    lock = (settings.home.run / "controller.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OSError(f"another controller tends the records of {settings.home.root}") from error
    return lock


def _means(settings: Settings, clock: Clock, stores: Stores, audit: Audit) -> Means:
    """Return what controllers have at hand."""
    from clary.controllers.means import Means
    from clary.gateway.inside import Inside
    from clary.runtime.local import LocalRuntime

    inside = Inside(
        settings=settings,
        clock=clock,
        records=stores.records,
        objects=stores.objects,
        logs=stores.logs,
        metrics=stores.metrics,
        audit=audit,
        credentials=stores.credentials,
        authoriser=stores.authoriser,
    )
    return Means(
        runtime=LocalRuntime(settings, clock),
        records=stores.records,
        objects=stores.objects,
        logs=stores.logs,
        metrics=stores.metrics,
        settings=settings,
        token=stores.credentials.run_token,
        allowed=allowed_by(stores),
        call=inside.call,
        call_as=inside.call_as,
    )


def _controllers(means: Means, clock: Clock, functions: Durable) -> list[Controller]:
    """Return the controller of every kind that has a life."""
    from clary.controllers.awslambda.environments_world import LambdaEnvironments
    from clary.controllers.awslambda.invocation_world import LambdaInvocations
    from clary.controllers.cloudwatch.alarm_actions import to_nobody
    from clary.controllers.cloudwatch.alarm_topics import to_topics
    from clary.controllers.cloudwatch.composite_alarm import CompositeAlarms
    from clary.controllers.cloudwatch.metric_alarm import MetricAlarms
    from clary.controllers.events.scheduled_rule import ScheduledRules
    from clary.controllers.inference.endpoint_world import Endpoints
    from clary.controllers.inference.scaling_world import ScalableTargets, set_off
    from clary.controllers.inference.transform_job_world import TransformJobs
    from clary.controllers.logs_metric import MetricFilters
    from clary.controllers.pipelines.definitions import Definitions
    from clary.controllers.pipelines.execution_world import PipelineExecutions
    from clary.controllers.pipelines.step_world import PipelineExecutionSteps
    from clary.controllers.processing.processing_job_world import ProcessingJobs
    from clary.controllers.scheduler.schedule import Schedules
    from clary.controllers.studio import mlflow_world
    from clary.controllers.training.training_job_world import TrainingJobs
    from clary.controllers.tuning.tuning_job_world import TuningJobs
    from clary.operations.sts.trust import trusting

    told = to_topics(means.call, to_nobody)
    pipelines = means, Definitions(means), trusting(means.records)
    return [
        TrainingJobs(means),
        TuningJobs(means),
        Endpoints(means),
        TransformJobs(means),
        LambdaEnvironments(means),
        LambdaInvocations(functions),
        PipelineExecutions(*pipelines),
        PipelineExecutionSteps(*pipelines),
        ProcessingJobs(means),
        ScalableTargets(means, clock.now),
        MetricAlarms(means, clock.now, set_off(means, told)),
        CompositeAlarms(means, clock.now, told),
        MetricFilters(means, clock.now),
        ScheduledRules(means),
        Schedules(means),
        *mlflow_world.servers(means),
    ]


def _load_models() -> None:
    """Read the service models that the first calls of most scripts need, while nobody waits for them yet."""
    from clary.wire import models

    gc.disable()  # a million objects that stay for good are not worth looking through
    for name in ("sts", "sagemaker", "s3", "sagemaker-runtime", "iam", "logs"):
        models.service(name)
    gc.freeze()
    gc.enable()


def _run(work: Coroutine[None, None, None]) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


def _until_stopped() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    os._exit(code)  # all is closed and on disk; to free the service models one by one would take a second
