"""Updates with a DeploymentConfig: who is asked at each step, what takes an update back, what stays of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.controllers.test_endpoint import be_ready, create, tend, uid, wanted
from tests.controllers.worlds import World

from clary.controllers.inference import rollout
from clary.controllers.inference.endpoint import LINGER
from clary.controllers.inference.endpoint_world import Endpoints
from clary.core.document import Document
from clary.resources.cloudwatch.alarm import METRIC_ALARM
from clary.resources.inference.endpoint import ENDPOINT
from clary.runtime.spec import Seen
from clary.store.records import Record

CANARY = {"Type": "CAPACITY_PERCENT", "Value": 10}
ALARMS = {"Alarms": [{"AlarmName": "bad"}]}


def blue_green(kind: str, wait: int = 60, kept: int = 0, **size: Document) -> Document:
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **size}
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": kept}
    return {"BlueGreenUpdatePolicy": policy, "AutoRollbackConfiguration": ALARMS}


def rolling(batch: int) -> Document:
    size = {"Type": "INSTANCE_COUNT", "Value": batch}
    return {"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": 60}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.make(tmp_path)
    for name in ("m1", "m2"):
        made.means.objects.put("box", name, b"archive")
    return made


@pytest.fixture
def alarm(world: World) -> Record:
    doc = {"AlarmName": "bad", "StateValue": "OK", "StateReason": "All is well."}
    return world.records.create(METRIC_ALARM, doc)


def update(world: World, endpoint: Record, config: Document, count: int = 1) -> None:
    now = world.clock.now()
    changes = {
        "EndpointStatus": "Updating",
        "_Wanted": wanted(2, count, model="m2"),
        "_Rollout": {"Config": config, "Began": now, "Step": 0},
        "PendingDeploymentSummary": {
            "EndpointConfigName": "c2",
            "ProductionVariants": [{"VariantName": "v"}],
        },
    }
    world.records.update(world.reread(endpoint), changes, due=now)
    tend(world)


def serving(world: World, count: int = 1) -> Record:
    endpoint = create(world, count)
    tend(world)
    be_ready(world, *(uid(endpoint, n + 1) for n in range(count)))
    return endpoint


def asked(world: World, endpoint: Record) -> dict[str, float]:
    """What part of the calls each host's fleet gets, by the host's serial."""
    return {each["Uid"].rpartition("-")[2]: each["Weight"] for each in world.reread(endpoint).doc["_Hosts"]}


def pass_time(world: World, seconds: float) -> None:
    world.later(timedelta(seconds=seconds))
    tend(world)


def test_a_canary_bakes_before_the_rest_follows(world: World, alarm: Record) -> None:
    endpoint = serving(world)
    update(world, endpoint, blue_green("CANARY", kept=120, CanarySize=CANARY))
    assert asked(world, endpoint) == {"1": 1.0}
    be_ready(world, uid(endpoint, 2, generation=2))
    assert asked(world, endpoint) == pytest.approx({"1": 0.9, "2": 0.1})
    (pending,) = world.reread(endpoint).doc["PendingDeploymentSummary"]["ProductionVariants"]
    assert (pending["VariantStatus"][0]["Status"], pending["CurrentInstanceCount"]) == ("Baking", 1)
    pass_time(world, 58)
    assert asked(world, endpoint) == pytest.approx({"1": 0.9, "2": 0.1})
    pass_time(world, 3)
    assert asked(world, endpoint) == {"2": 1.0}
    assert world.reread(endpoint).doc["EndpointStatus"] == "Updating"
    pass_time(world, 61)
    doc = world.reread(endpoint).doc
    assert (doc["EndpointStatus"], doc["EndpointConfigName"]) == ("InService", "c2")
    assert doc["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]["TerminationWaitInSeconds"] == 120
    assert "_Rollout" not in doc and "PendingDeploymentSummary" not in doc
    pass_time(world, 100)
    assert ("stop", uid(endpoint, 1)) not in world.runtime.calls
    pass_time(world, 25)
    pass_time(world, LINGER.total_seconds() + 1)
    assert ("stop", uid(endpoint, 1)) in world.runtime.calls


def test_an_alarm_takes_the_update_back_and_says_why(world: World, alarm: Record) -> None:
    endpoint = serving(world, count=2)
    update(world, endpoint, blue_green("CANARY", CanarySize=CANARY))
    new = uid(endpoint, 3, generation=2)
    be_ready(world, new)
    assert asked(world, endpoint) == pytest.approx({"1": 0.9, "2": 0.9, "3": 0.1})
    world.records.update(alarm, {"StateValue": "ALARM", "StateReason": "Threshold crossed: 7 errors."})
    pass_time(world, 2)
    doc = world.reread(endpoint).doc
    assert doc["EndpointStatus"] == "RollingBack"
    assert doc["FailureReason"] == (
        'The update was taken back: The alarm "bad" went off. Threshold crossed: 7 errors.'
    )
    assert asked(world, endpoint) == {"1": 1.0, "2": 1.0}
    assert ("stop", new) not in world.runtime.calls  # it finishes what it was asked
    pass_time(world, LINGER.total_seconds() + 1)
    assert ("stop", new) in world.runtime.calls
    world.runtime.seen[new] = Seen(phase="exited", exit_code=0)
    pass_time(world, 2)
    doc = world.reread(endpoint).doc
    assert (doc["EndpointStatus"], doc["EndpointConfigName"]) == ("InService", "c1")
    assert sorted(world.runtime.seen) == [uid(endpoint, 1), uid(endpoint, 2)]


def test_an_alarm_that_was_on_before_takes_the_update_back_before_anybody_is_asked(
    world: World, alarm: Record
) -> None:
    world.records.update(alarm, {"StateValue": "ALARM"})
    endpoint = serving(world)
    update(world, endpoint, blue_green("ALL_AT_ONCE"))
    doc = world.reread(endpoint).doc
    assert doc["EndpointStatus"] == "InService"
    assert 'The alarm "bad" went off.' in doc["FailureReason"]
    assert asked(world, endpoint) == {"1": 1.0}


def test_a_rolling_update_takes_old_hosts_away_as_new_ones_come(world: World) -> None:
    endpoint = serving(world, count=4)
    update(world, endpoint, rolling(2), count=4)
    assert len(world.runtime.specs) == 6  # four old ones, and the first batch
    be_ready(world, uid(endpoint, 5, generation=2), uid(endpoint, 6, generation=2))
    assert asked(world, endpoint) == pytest.approx({"1": 0.5, "2": 0.5, "5": 0.5, "6": 0.5})
    pass_time(world, LINGER.total_seconds() + 1)
    stopped = {target for effect, target in world.runtime.calls if effect == "stop"}
    assert stopped == {uid(endpoint, 3), uid(endpoint, 4)}
    for gone in stopped:
        world.runtime.seen[gone] = Seen(phase="exited", exit_code=0)
    pass_time(world, 61)
    be_ready(world, uid(endpoint, 7, generation=2), uid(endpoint, 8, generation=2))
    assert asked(world, endpoint) == {"5": 1.0, "6": 1.0, "7": 1.0, "8": 1.0}
    pass_time(world, 61)
    assert world.reread(endpoint).doc["EndpointStatus"] == "InService"


def test_a_rolling_update_whose_old_hosts_are_gone_gets_them_back(world: World, alarm: Record) -> None:
    endpoint = serving(world)
    size = {"Type": "CAPACITY_PERCENT", "Value": 50}
    policy = {"MaximumBatchSize": size, "WaitIntervalInSeconds": 60}
    update(world, endpoint, {"RollingUpdatePolicy": policy, "AutoRollbackConfiguration": ALARMS})
    be_ready(world, uid(endpoint, 2, generation=2))
    pass_time(world, LINGER.total_seconds() + 1)
    world.runtime.seen[uid(endpoint, 1)] = Seen(phase="exited", exit_code=0)
    pass_time(world, 2)
    world.records.update(alarm, {"StateValue": "ALARM", "StateReason": "Bad."})
    pass_time(world, 2)
    assert asked(world, endpoint) == {"2": 1.0}  # nobody else could answer
    be_ready(world, uid(endpoint, 3))
    assert asked(world, endpoint) == {"3": 1.0}


def test_an_update_that_takes_too_long_is_taken_back(world: World) -> None:
    endpoint = serving(world)
    config = blue_green("ALL_AT_ONCE")
    config["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] = 600
    update(world, endpoint, config)
    pass_time(world, 601)
    doc = world.reread(endpoint).doc
    assert "longer than MaximumExecutionTimeoutInSeconds (600 s)" in doc["FailureReason"]
    assert (doc["EndpointStatus"], asked(world, endpoint)) == ("InService", {"1": 1.0})


def test_a_new_host_that_dies_while_a_step_bakes_is_replaced_before_the_next(world: World) -> None:
    endpoint = serving(world)
    update(world, endpoint, blue_green("CANARY", CanarySize=CANARY))
    be_ready(world, uid(endpoint, 2, generation=2))
    world.runtime.seen[uid(endpoint, 2, generation=2)] = Seen(phase="exited", exit_code=1)
    pass_time(world, 65)
    assert asked(world, endpoint) == pytest.approx({"1": 0.9})
    pass_time(world, 65)
    be_ready(world, uid(endpoint, 3, generation=2))
    assert world.reread(endpoint).doc["EndpointStatus"] == "Updating"
    pass_time(world, 61)
    assert asked(world, endpoint) == {"3": 1.0}


@pytest.mark.parametrize(
    ("routing", "shares"),
    [
        ({"Type": "ALL_AT_ONCE"}, (1.0,)),
        ({"Type": "CANARY", "CanarySize": CANARY}, (0.1, 1.0)),
        ({"Type": "LINEAR", "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 40}}, (0.4, 0.8, 1.0)),
        (
            {"Type": "LINEAR", "LinearStepSize": {"Type": "INSTANCE_COUNT", "Value": 1}},
            (0.25, 0.5, 0.75, 1.0),
        ),
    ],
)
def test_steps_of_a_fleet(routing: Document, shares: tuple[float, ...]) -> None:
    """Two variants, of two and of four hosts; one that weighs nothing has no say in the share."""
    variants = [
        {"VariantName": "a", "Count": 4, "Weight": 2.0},
        {"VariantName": "b", "Count": 2, "Weight": 0.0},
    ]
    policy = {"TrafficRoutingConfiguration": {**routing, "WaitIntervalInSeconds": 1}}
    assert rollout.plan({"BlueGreenUpdatePolicy": policy}, variants).shares == pytest.approx(shares)


def be_gone(world: World, *uids: str) -> None:
    for gone in uids:
        world.runtime.seen[gone] = Seen(phase="exited", exit_code=1, failure="AlgorithmError: bad")
    pass_time(world, 2)


def test_an_old_host_on_its_way_up_does_not_take_an_update_back(world: World) -> None:
    """It was being replaced when the update began, which has no variant of its name."""
    endpoint = serving(world, count=2)
    be_gone(world, uid(endpoint, 2))
    pass_time(world, 2)
    assert uid(endpoint, 3) in world.runtime.seen
    new = wanted(2, model="m2")
    new["Variants"][0]["VariantName"] = "other"
    changes = {"EndpointStatus": "Updating", "_Wanted": new}
    world.records.update(world.reread(endpoint), changes, remove=("FailureReason",), due=world.clock.now())
    be_gone(world, uid(endpoint, 3))
    pass_time(world, 4)
    doc = world.reread(endpoint).doc
    assert (doc["EndpointStatus"], doc.get("FailureReason")) == ("Updating", None)
    be_ready(world, uid(endpoint, 4, generation=2))
    assert world.reread(endpoint).doc["EndpointStatus"] == "InService"


def test_old_hosts_that_come_back_are_asked_while_new_ones_finish(world: World, alarm: Record) -> None:
    endpoint = serving(world, count=2)
    update(world, endpoint, {**rolling(1), "AutoRollbackConfiguration": ALARMS}, count=2)
    be_ready(world, uid(endpoint, 3, generation=2))
    pass_time(world, LINGER.total_seconds() + 1)
    be_gone(world, uid(endpoint, 2))
    world.records.update(alarm, {"StateValue": "ALARM", "StateReason": "Bad."})
    pass_time(world, 2)
    assert asked(world, endpoint) == {"1": 1.0}
    be_ready(world, uid(endpoint, 4))
    doc = world.reread(endpoint).doc
    assert (doc["EndpointStatus"], asked(world, endpoint)) == ("RollingBack", {"1": 1.0, "4": 1.0})
    assert all("ReadySince" in host for host in doc["_Fleet"])
    assert doc["ProductionVariants"][0]["CurrentInstanceCount"] == 2


def test_a_host_that_is_let_go_is_asked_no_more_whatever_else_happens(world: World) -> None:
    endpoint = serving(world, count=2)
    update(world, endpoint, rolling(1), count=2)
    new, old = uid(endpoint, 3, generation=2), uid(endpoint, 2)
    world.runtime.seen[new] = Seen(phase="ready", started=world.clock.now(), socket=Path(f"/run/{new}"))
    world.later()
    while not any("Draining" in host for host in world.reread(endpoint).doc["_Fleet"]):
        assert world.tend([Endpoints(world.means)])
    be_gone(world, new)  # so that the next step waits for another
    assert asked(world, endpoint) == pytest.approx({"1": 0.5})
    pass_time(world, LINGER.total_seconds() + 1)
    assert ("stop", old) in world.runtime.calls


def test_the_new_hosts_are_marked_until_the_update_is_done(world: World) -> None:
    endpoint = serving(world)
    update(world, endpoint, blue_green("ALL_AT_ONCE"))
    be_ready(world, uid(endpoint, 2, generation=2))
    assert [host["Fleet"] for host in world.reread(endpoint).doc["_Hosts"]] == [rollout.NEW]
    pass_time(world, 61)
    doc = world.reread(endpoint).doc
    assert (doc["EndpointStatus"], "Fleet" in doc["_Hosts"][0]) == ("InService", False)


@pytest.mark.parametrize("count", [7, 9, 50])
def test_as_many_old_hosts_go_as_new_ones_came(count: int) -> None:
    variants = [{"VariantName": "v", "Count": count, "Weight": 1.0}]
    doc: Document = {"_Wanted": {"Variants": variants}, "_Serving": {"Variants": variants}}
    for step in range(count):
        doc["_Rollout"] = {"Config": rolling(1), "Step": step, "Since": None}
        assert rollout.kept_counts(doc) == {"v": count - step - 1}


def test_a_single_container_that_is_called_by_its_name_is_told_with_it(world: World) -> None:
    new = wanted()
    (variant,) = new["Variants"]
    only = {**variant["Container"], "ContainerHostname": "only"}
    new["Variants"] = [{**variant, "Containers": [only], "Mode": "Direct"}]
    doc: Document = {"EndpointName": "direct", "EndpointConfigName": "c1", "_Wanted": new}
    endpoint = world.records.create(ENDPOINT, doc, due=world.clock.now())
    tend(world)
    first = uid(endpoint, 1)
    be_ready(world, first)
    (host,) = world.reread(endpoint).doc["_Hosts"]
    assert (host["Mode"], host["Containers"]) == ("Direct", [{"Hostname": "only", "Socket": f"/run/{first}"}])


def test_a_host_that_came_back_is_asked_while_another_cannot(world: World) -> None:
    endpoint = serving(world, count=2)
    be_gone(world, uid(endpoint, 1))
    pass_time(world, 2)
    world.means.objects.delete("box", "m1")
    be_gone(world, uid(endpoint, 2))
    pass_time(world, 65)
    doc = world.reread(endpoint).doc
    assert doc["FailureReason"].startswith("A host that was lost cannot be replaced")
    be_ready(world, uid(endpoint, 3))
    pass_time(world, 65)
    assert asked(world, endpoint) == {"3": 1.0}


def test_a_variant_without_weight_has_its_share_of_the_calls_that_name_it(world: World) -> None:
    hosts = [{"Variant": name, "Weight": weight, "Uid": name} for name, weight in (("v", 1.0), ("w", 0.0))]
    told = rollout.mixed(hosts, hosts, 0.1)
    assert [each["Weight"] for each in told] == pytest.approx([0.9, 0.0, 0.1, 0.0])
    assert [each["Share"] for each in told] == pytest.approx([0.9, 0.9, 0.1, 0.1])


def test_what_an_update_keeps_for_a_while_is_not_what_the_next_one_leaves(
    world: World, alarm: Record
) -> None:
    endpoint = serving(world)
    update(world, endpoint, blue_green("ALL_AT_ONCE", wait=0, kept=600))
    be_ready(world, uid(endpoint, 2, generation=2))
    assert "_OldUntil" in world.reread(endpoint).doc
    changes = {"EndpointStatus": "Updating", "_Wanted": wanted(3, model="m1")}
    world.records.update(world.reread(endpoint), changes, due=world.clock.now())
    tend(world)
    be_ready(world, uid(endpoint, 3, generation=3))
    pass_time(world, LINGER.total_seconds() + 1)
    assert {uid(endpoint, 1), uid(endpoint, 2, generation=2)} <= {
        run for what, run in world.runtime.calls if what == "stop"
    }
    assert "_OldUntil" not in world.reread(endpoint).doc


def test_nothing_is_left_of_the_time_that_old_hosts_were_kept(world: World, alarm: Record) -> None:
    endpoint = serving(world)
    update(world, endpoint, blue_green("ALL_AT_ONCE", wait=0, kept=60))
    be_ready(world, uid(endpoint, 2, generation=2))
    pass_time(world, 61)
    pass_time(world, LINGER.total_seconds() + 1)
    be_gone(world, uid(endpoint, 1))
    assert "_OldUntil" not in world.reread(endpoint).doc


def test_a_rollback_whose_old_hosts_do_not_come_back_says_so_and_goes_on_trying(
    world: World, alarm: Record
) -> None:
    endpoint = serving(world, count=2)
    update(world, endpoint, {**rolling(1), "AutoRollbackConfiguration": ALARMS}, count=2)
    be_ready(world, uid(endpoint, 3, generation=2))
    pass_time(world, LINGER.total_seconds() + 1)
    be_gone(world, uid(endpoint, 2), uid(endpoint, 1))
    world.records.update(alarm, {"StateValue": "ALARM", "StateReason": "Bad."})
    pass_time(world, 2)
    while world.reread(endpoint).doc["EndpointStatus"] == "RollingBack":
        begun = [run for run, seen in world.runtime.seen.items() if seen.phase == "starting"]
        be_gone(world, *begun)
        pass_time(world, 4)
    doc = world.reread(endpoint).doc
    assert doc["EndpointStatus"] == "UpdateRollbackFailed"
    assert doc["FailureReason"].startswith(
        'The update was taken back: The alarm "bad" went off. Bad. The old'
    )
    assert doc["FailureReason"].endswith("bad")
    assert asked(world, endpoint) == {"3": 0.5}
    world.means.objects.delete("box", "m1")
    for _ in range(3):
        be_gone(world, *(run for run, seen in world.runtime.seen.items() if seen.phase == "starting"))
        pass_time(world, 70)
    assert "Failed to download model data" in world.reread(endpoint).doc["FailureReason"]
    world.means.objects.put("box", "m1", b"archive")
    pass_time(world, 70)
    be_ready(world, *(run for run, seen in world.runtime.seen.items() if seen.phase == "starting"))
    be_ready(world, *(run for run, seen in world.runtime.seen.items() if seen.phase == "starting"))
    pass_time(world, LINGER.total_seconds() + 1)
    be_gone(world, uid(endpoint, 3, generation=2))
    doc = world.reread(endpoint).doc
    assert (doc["EndpointStatus"], len(asked(world, endpoint))) == ("InService", 2)
    assert doc["FailureReason"] == 'The update was taken back: The alarm "bad" went off. Bad.'


def test_a_serving_host_that_ends_is_told_of_until_another_answers(world: World) -> None:
    endpoint = serving(world)
    world.runtime.printed[uid(endpoint, 1)] = b"one\ntwo\n"
    world.runtime.seen[uid(endpoint, 1)] = Seen(
        phase="exited",
        started=world.clock.now(),
        ended=world.clock.now(),  # before what it printed is taken in
        exit_code=137,
        failure="AlgorithmError: OutOfMemoryError: x",
    )
    pass_time(world, 2)
    assert world.reread(endpoint).doc["FailureReason"] == (
        "A host of production variant v ended and is replaced: OutOfMemoryError: x"
    )
    log = world.log("/aws/sagemaker/Endpoints/e")
    assert log == ["one", "two", "The container ended: AlgorithmError: OutOfMemoryError: x"]
    pass_time(world, 2)
    be_ready(world, uid(endpoint, 2))
    assert "FailureReason" not in world.reread(endpoint).doc
