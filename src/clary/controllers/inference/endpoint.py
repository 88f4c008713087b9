"""The life of an endpoint: hosts are brought up, switched to, watched, replaced and taken down.

Creating, updating, scaling and healing are one thing here: make the fleet what `_Wanted` says. They differ
in what happens when a host fails: a new endpoint fails, an updated one goes back, a serving one gets another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from clary.controllers.inference import deploying, fleet, rollout, serverless
from clary.controllers.step import AT_ONCE, Step
from clary.core.document import Document
from clary.runtime.spec import Seen
from clary.store.records import Record

SOON = timedelta(milliseconds=100)  # Between looks while hosts come up; the shim's wake is usually first.
SERVING = timedelta(seconds=2)  # Between looks at a serving endpoint: how fresh its log is.
LINGER = timedelta(seconds=5)  # In which all learn that a host is asked no more, and say who waits for it.
STEADY = timedelta(seconds=60)  # A host that lived that long is replaced at once when it dies.
LONGEST_PAUSE = timedelta(seconds=60)
LONGEST_REASON = 1024  # FailureReason's own limit
ROLLBACK_TRIES = 3  # How often old hosts may end in a row before a rollback has failed.
LOST_RUNS = 1  # How often a host that was lost before it was ready is tried again.
FORGET = "forget"  # what is left of an endpoint outside its record
UNPLACED = "An input could not be placed"  # what the runtime says of an archive that it cannot unpack
ROLLING_OUT = frozenset({"Creating", "Updating"})
TAKING_BACK = frozenset({"RollingBack", "UpdateRollbackFailed"})


@dataclass(frozen=True, kw_only=True)
class World:
    """What is the case outside the record: the hosts' runs, whose log is not whole, why none can start.

    `alarm` says which alarm of the update's own went off, `demand` what a serverless variant's calls need,
    `attended` which hosts that are asked no more somebody waits for; no call takes longer than `longest`.
    """

    runs: Mapping[str, Seen] = field(default_factory=dict)
    unlogged: frozenset[str] = frozenset()
    fault: str = ""
    alarm: str = ""
    demand: serverless.Demand | None = None
    attended: frozenset[str] = frozenset()
    longest: timedelta = timedelta(hours=1)


def next_step(endpoint: Record, world: World, now: datetime) -> Step:
    """Decide what happens to an endpoint next."""
    doc, status = endpoint.doc, endpoint.doc["EndpointStatus"]
    if world.unlogged:
        return Step(again=AT_ONCE)
    if status in ("Deleting", "Failed") and (hosts := fleet.members(doc)):
        return _remove(doc, hosts[0])
    if status == "Deleting":
        return Step(effect=FORGET, delete=True)
    if status == "Failed":
        return Step(again=None)
    if why := rollout.fault(doc, world.alarm, now):
        return _fail(doc, why)
    return (
        _bury(doc, world, now)
        or _take_back(doc, world, now)
        or (_switch(doc, world, now) if status == "InService" else None)  # one that is there need not wait
        or _begin(endpoint, world, now)
        or _meanwhile(endpoint, world, now)
        or _retire(doc, world, now)
        or serverless.reap(doc, world.demand, now)
        or _switch(doc, world, now)
        or Step(again=SOON if status in ROLLING_OUT or _waiting(doc, world) else SERVING)
    )


def _remove(doc: Document, host: Document, **write: object) -> Step:
    return Step(
        effect="remove",
        target=host["Uid"],
        write={"_Fleet": fleet.without(doc, host["Uid"]), **write},
        again=AT_ONCE,
    )


def _bury(doc: Document, world: World, now: datetime) -> Step | None:
    """Take away a host that ended; what follows depends on whether it had served."""
    ended = ((host, fleet.fallen(world.runs, host)) for host in fleet.members(doc))
    found = next(((host, how) for host, how in ended if how), None)
    if found is None:
        return None
    dead, (number, run) = found
    if "Draining" in dead:
        return _remove(doc, dead)
    begun = dead["Generation"] == doc["_Wanted"]["Generation"] and doc["EndpointStatus"] in ROLLING_OUT
    if begun and "ReadySince" not in dead:
        if _lost(run) and doc.get("_Lost", 0) < LOST_RUNS:
            return _remove(doc, dead, _Lost=doc.get("_Lost", 0) + 1)
        return _fail(doc, _not_healthy(doc["_Wanted"], dead["Variant"], number, run))
    steady = "ReadySince" in dead and (now - dead["ReadySince"] > STEADY or serverless.on_call(doc))
    deaths = 0 if steady else doc.get("_Deaths", 0) + 1
    pause = timedelta() if steady else min(timedelta(seconds=2 ** min(deaths - 1, 6)), LONGEST_PAUSE)
    untold = _untold(doc, dead["Uid"], now)
    config = fleet.config_of(doc, dead)
    if "ReadySince" not in dead:
        why = _not_healthy(config, dead["Variant"], number, run)
        if serverless.of(config):
            untold["_Setback"] = {"At": now, "Why": clip(why)}  # for the calls that wait for it
        elif doc["EndpointStatus"] == "RollingBack" and deaths >= ROLLBACK_TRIES:
            untold |= _stuck(doc, why)
    return _remove(
        doc, dead, **untold, **_said(doc, dead, run, deaths), _Deaths=deaths, _NotBefore=now + pause
    )


def _said(doc: Document, dead: Document, run: Seen, deaths: int) -> Document:
    """Return what DescribeEndpoint says, until another one answers, of a host that ended while it served."""
    if doc["EndpointStatus"] != "InService" or ("FailureReason" in doc and "_Ailing" not in doc):
        return {}
    if serverless.on_call(doc):
        return {}
    how = run.failure.removeprefix("AlgorithmError: ") or "its processes are gone, nothing tells how."
    times = f" (end {deaths} in a row)" if deaths > 1 else ""
    reason = f"A host of production variant {dead['Variant']} ended{times} and is replaced: {how}"
    return {"FailureReason": clip(reason), "_Ailing": False}


def _stuck(doc: Document, why: str) -> Document:
    """Return what is written when the old hosts do not come up again; they are tried ever more rarely."""
    before = doc.get("_TakenBack", doc.get("FailureReason", ""))
    reason = f"{before} The old hosts cannot be started again: {why}"
    return {"EndpointStatus": "UpdateRollbackFailed", "FailureReason": clip(reason), "_TakenBack": before}


def _untold(doc: Document, uid: str, now: datetime) -> Document:
    """Return what is written so that the router asks a host no more."""
    told = [host for host in doc.get("_Hosts", ()) if host["Uid"] != uid]
    serving = doc.get("_Serving") or doc["_Wanted"]
    return {"_Hosts": told, "ProductionVariants": fleet.summaries(serving, told, now, doc)}


def _take_back(doc: Document, world: World, now: datetime) -> Step | None:
    """Return to the hosts that served before an update; those it began go, once they are asked no more."""
    if doc["EndpointStatus"] not in TAKING_BACK:
        return None
    serving = doc["_Serving"]
    told = fleet.hosts(doc, serving, world.runs)
    new = [host for host in fleet.members(doc) if host["Generation"] != serving["Generation"]]
    asked = {host["Uid"] for host in doc.get("_Hosts", ())}
    if new and told and told != doc.get("_Hosts"):
        write: Document = {
            "_Hosts": told,
            "_Fleet": fleet.ready_since(doc, told, now),
            "ProductionVariants": fleet.summaries(serving, told, now, doc),
        }
        return Step(write=write, again=AT_ONCE)
    for host in new:
        if "ReadySince" not in host:
            return _remove(doc, host)
        if "Draining" not in host and host["Uid"] not in asked:
            return Step(write={"_Fleet": fleet.changed(doc, host["Uid"], Draining=now)}, again=AT_ONCE)
    if new:
        return None
    settled: Document = {"EndpointStatus": "InService"}
    if "_TakenBack" in doc:
        settled["FailureReason"] = doc["_TakenBack"]
    return Step(write=settled, remove=("_TakenBack",), again=AT_ONCE)


def _begin(endpoint: Record, world: World, now: datetime) -> Step | None:
    """Start the next host that is missing."""
    doc, wanted = endpoint.doc, endpoint.doc["_Wanted"]
    variant = fleet.missing(doc, wanted)
    if variant is None:
        return None
    if world.fault:
        if doc["EndpointStatus"] in ROLLING_OUT:
            return _fail(doc, world.fault)
        if doc["EndpointStatus"] in TAKING_BACK:
            stuck = _stuck(doc, world.fault)
            return Step(write=stuck if doc | stuck != doc else {}, again=LONGEST_PAUSE)
        return _ail(doc, world.fault, now)
    wait = doc.get("_NotBefore", now) - now
    if wait > timedelta():
        return Step(again=min(wait, SERVING))
    uid = fleet.next_uid(endpoint.uid, doc, variant)
    host = {"Uid": uid, "Variant": variant["VariantName"], "Generation": wanted["Generation"]}
    if "Containers" in variant:
        host["Containers"] = len(variant["Containers"])
    write: Document = {"_Fleet": [*fleet.members(doc), host], "_Serial": doc.get("_Serial", 0) + 1}
    if "ProductionVariants" not in doc:
        write["ProductionVariants"] = fleet.summaries(wanted, [], now, doc)
    return Step(effect="start", target=uid, write=write, again=AT_ONCE)


def _meanwhile(endpoint: Record, world: World, now: datetime) -> Step | None:
    """Let calls have the environments that they need while another configuration comes up."""
    doc = serverless.meanwhile(endpoint.doc, world.demand)
    if doc is None:
        return None
    told = fleet.hosts(doc, doc["_Serving"], world.runs)
    if told != doc.get("_Hosts"):
        return Step(write={"_Hosts": told, "_Fleet": fleet.ready_since(doc, told, now)}, again=AT_ONCE)
    return _begin(replace(endpoint, doc=doc), world, now)


def _switch(doc: Document, world: World, now: datetime) -> Step | None:
    """Point the router at the hosts that are ready, once all are, or when one came back."""
    if doc["EndpointStatus"] in TAKING_BACK:
        return None
    wanted = doc["_Wanted"]
    told = fleet.hosts(doc, wanted, world.runs)
    whole = len(told) == len(fleet.of(doc, wanted))
    if doc["EndpointStatus"] in ROLLING_OUT:
        if not whole:
            return None
        if "_Rollout" in doc and (step := deploying.advance(doc, told, world.runs, now)):
            return step
    elif told == doc.get("_Hosts"):
        return None
    write: Document = {
        "_Hosts": told,
        "_Serving": wanted,
        "_Fleet": fleet.ready_since(doc, told, now),
        "EndpointConfigName": wanted["EndpointConfigName"],
        "ProductionVariants": fleet.summaries(wanted, told, now, doc),
        "EndpointStatus": "InService",
        **fleet.capture_summary(wanted),
    }
    settled: tuple[str, ...] = ("_Lost", "PendingDeploymentSummary", "_Rollout")
    settled += tuple(each for each in ("DataCaptureConfig", "AsyncInferenceConfig") if each not in wanted)
    if "AsyncInferenceConfig" in wanted:
        write["AsyncInferenceConfig"] = wanted["AsyncInferenceConfig"]
    if "_Rollout" in doc:
        write |= deploying.settled(doc, now)
    elif "_Serving" in doc and doc["_Serving"]["Generation"] != wanted["Generation"]:
        settled += ("_OldUntil",)  # it is about hosts from before the ones that are old now
    if doc["EndpointStatus"] in ROLLING_OUT or "_Ailing" in doc:
        settled += ("FailureReason", "_Ailing")
    return Step(write=write, remove=settled, again=AT_ONCE)


def _retire(doc: Document, world: World, now: datetime) -> Step | None:
    """Let hosts go that no longer serve: first they are left in peace, then asked to stop, then removed."""
    if extra := fleet.surplus(doc, now):
        uid = extra[0]["Uid"]
        drained = {"_Fleet": fleet.changed(doc, uid, Draining=now)}
        return Step(write={**drained, **_untold(doc, uid, now)}, again=AT_ONCE)
    for host in fleet.members(doc):
        if world.demand and host["Uid"] in world.demand.busy:
            continue
        if "Draining" not in host or "Stopped" in host:
            continue
        rested = now - host["Draining"]
        if rested >= LINGER and (host["Uid"] not in world.attended or rested >= LINGER + world.longest):
            write = {"_Fleet": fleet.changed(doc, host["Uid"], Stopped=True)}
            return Step(effect="stop", target=host["Uid"], write=write, again=AT_ONCE)
    if doc["EndpointStatus"] == "InService" and "_OldUntil" in doc and now >= doc["_OldUntil"]:
        return Step(remove=("_OldUntil",), again=AT_ONCE)
    return None


def _waiting(doc: Document, world: World) -> bool:
    """Say whether a host is on its way up or down."""
    return any("Draining" in host or not fleet.up(world.runs, host) for host in fleet.members(doc))


def _fail(doc: Document, reason: str) -> Step:
    """End a creation, or take an update back; the old configuration has been serving all along."""
    if doc["EndpointStatus"] == "Creating":
        return Step(write={"EndpointStatus": "Failed", "FailureReason": clip(reason)}, again=AT_ONCE)
    write: Document = {
        "EndpointStatus": "RollingBack",
        "FailureReason": clip(f"The update was taken back: {reason}"),
        "_Wanted": doc["_Serving"],
    }
    return Step(write=write, remove=("_Lost", "PendingDeploymentSummary", "_Rollout"), again=AT_ONCE)


def _ail(doc: Document, fault: str, now: datetime) -> Step:
    """Say why a serving endpoint cannot get back a host that it lost, and try again."""
    reason = clip(f"A host that was lost cannot be replaced: {fault}")
    write = {"FailureReason": reason, "_Ailing": True} if doc.get("FailureReason") != reason else {}
    return Step(write=write, again=LONGEST_PAUSE)


def _lost(run: Seen) -> bool:
    return run.phase == "absent" or run.failure.startswith("InternalServerError: ")


def _not_healthy(wanted: Document, name: str, number: int, run: Seen) -> str:
    # evidence/endpoint-failures.md
    said = run.failure or "The host was lost: its processes are gone, and nothing tells how they ended."
    variant = next(each for each in wanted["Variants"] if each["VariantName"] == name)
    container = variant["Containers"][number - 1] if "Containers" in variant else variant["Container"]
    if UNPLACED in said:
        source = container.get("ModelDataSource", {}).get("S3DataSource", {}).get("S3Uri")
        url = source or container.get("ModelDataUrl")
        return (
            f'Failed to extract model data archive from URL "{url}". Please ensure that the object located '
            "at the URL is a valid tar.gz archive. "
            f"({said.partition(UNPLACED)[2].strip(' :')})"
        )
    if said.startswith("ClientError: "):
        return said.removeprefix("ClientError: ")
    which = f"{container['ContainerHostname']} container" if "Containers" in variant else "primary container"
    return (
        f"The {which} for production variant {name} did not pass the ping health check. "
        f"Please check CloudWatch logs for this endpoint. {said.removeprefix('AlgorithmError: ')}"
    )


def clip(text: str) -> str:
    """Fit a reason into FailureReason: its beginning and the tail that tells most."""
    room = LONGEST_REASON
    return text if len(text) <= room else f"{text[:300]} ... {text[-(room - 305) :]}"
