"""The life of an MLflow server: told of once it answers, followed by another when it dies."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.controllers.worlds import LEASE_OVER, ROLE, DyingRecords, Killed, World

from clary.controllers.studio.mlflow_world import MlflowServers
from clary.core.document import Document
from clary.resources.spec import Resource
from clary.resources.studio.mlflow import MLFLOW_APP, MLFLOW_TRACKING_SERVER
from clary.store.records import Record

ASKED: Document = {"ArtifactStoreUri": "s3://box/ml", "RoleArn": ROLE, "_Wanted": True}


class Life:
    """A server, and what its runs are said to do."""

    def __init__(self, world: World, resource: Resource, doc: Document, *, begin: bool = True) -> None:
        self.world, self.resource = world, resource
        self.uid = world.records.create(resource, doc, due=world.clock.now()).uid
        if begin:
            self.tend()

    def tend(self, later: timedelta = timedelta(0)) -> None:
        """Let the controller look as long as there is something to do at once."""
        self.world.later(later)
        while self.world.tend([MlflowServers(self.world.means, self.resource)]):
            pass

    def ready(self) -> None:
        """Let the run that is there answer."""
        seen = self.world.runtime.seen
        [uid] = seen
        seen[uid] = replace(seen[uid], phase="ready", socket=Path(f"/run/{uid}"))
        self.tend(timedelta(seconds=1))

    def die(self, why: str = "") -> None:
        """Let the run that is there end."""
        seen = self.world.runtime.seen
        [uid] = seen
        seen[uid] = replace(seen[uid], phase="exited", exit_code=1, failure=why)
        self.tend(timedelta(seconds=3))
        self.tend(timedelta(seconds=3))  # the pause before the next one is over

    def ask(self, **changes: object) -> None:
        """Change the record as an operation does."""
        found = self.record
        assert found is not None
        self.world.records.update(found, changes, due=self.world.clock.now())
        self.tend(timedelta(seconds=1))

    @property
    def record(self) -> Record | None:
        return self.world.records.by_uid(self.uid)

    @property
    def doc(self) -> Document:
        found = self.record
        assert found is not None
        return found.doc


@pytest.fixture
def server(tmp_path: Path) -> Life:
    return Life(World.make(tmp_path), MLFLOW_TRACKING_SERVER, {"TrackingServerName": "t", **ASKED})


def test_it_is_created_once_it_answers(server: Life) -> None:
    assert (server.doc["TrackingServerStatus"], server.doc["IsActive"]) == ("Creating", "Inactive")
    server.ready()
    assert (server.doc["TrackingServerStatus"], server.doc["IsActive"]) == ("Created", "Active")
    assert server.doc["TrackingServerUrl"] == f"http://127.0.0.1:9/_clary/mlflow/{server.uid}/"
    assert server.doc["_Socket"] == f"/run/{server.uid}-1"
    spec = server.world.runtime.specs[f"{server.uid}-1"]
    assert spec.environment["TRACKING_ARTIFACT_ROOT"] == "s3://box/ml"
    assert spec.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    [mount] = spec.mounts
    assert (mount.root, mount.path, mount.writable) == (server.world.root / "mlflow", server.uid, True)


def test_one_that_dies_is_followed_by_another_over_the_same_directory(server: Life) -> None:
    server.ready()
    server.die()
    assert server.doc["IsActive"] == "Inactive"
    assert "_Socket" not in server.doc
    server.ready()
    assert (server.doc["TrackingServerStatus"], server.doc["IsActive"]) == ("Created", "Active")
    assert server.doc["_Socket"] == f"/run/{server.uid}-2"
    first, second = server.world.runtime.specs.values()
    assert first.mounts == second.mounts


def test_one_that_never_answers_has_failed_and_says_why(server: Life) -> None:
    server.die("No such image.")
    assert server.doc["TrackingServerStatus"] == "Creating"
    server.die("No such image.")
    assert (server.doc["TrackingServerStatus"], server.doc["_Why"]) == ("CreateFailed", "No such image.")
    server.tend(timedelta(minutes=5))
    assert not server.world.runtime.seen


def test_it_is_stopped_and_started_again(server: Life) -> None:
    server.ready()
    server.ask(TrackingServerStatus="Stopping", _Wanted=False)
    assert "_Socket" not in server.doc
    assert ("stop", f"{server.uid}-1") in server.world.runtime.calls
    server.die()
    assert (server.doc["TrackingServerStatus"], server.doc["IsActive"]) == ("Stopped", "Inactive")
    server.ask(TrackingServerStatus="Starting", _Wanted=True)
    server.ready()
    assert (server.doc["TrackingServerStatus"], server.doc["IsActive"]) == ("Started", "Active")


def test_an_update_that_changes_what_it_is_made_of_starts_it_anew(server: Life) -> None:
    server.ready()
    server.ask(TrackingServerStatus="Updating", AutomaticModelRegistration=True)
    assert server.doc["TrackingServerStatus"] == "Updated"
    assert not [call for call in server.world.runtime.calls if call[0] == "stop"]
    server.ask(TrackingServerStatus="Updating", TrackingServerSize="Large")
    server.die()
    server.ready()
    assert server.doc["TrackingServerStatus"] == "Updated"
    assert server.world.runtime.specs[f"{server.uid}-2"].instance_type == "serverless.8192MB"


def test_a_deleted_one_leaves_nothing(server: Life) -> None:
    server.ready()
    folder = server.world.root / "mlflow" / server.uid
    (folder / "mlflow.db").write_text("kept")
    server.ask(TrackingServerStatus="Deleting", _Wanted=False)
    server.die()
    assert server.record is None
    assert not folder.exists()
    assert not server.world.runtime.seen


def test_an_app_lives_the_same_life(tmp_path: Path) -> None:
    app = Life(World.make(tmp_path), MLFLOW_APP, {"Name": "a", "MlflowAppId": "abc", **ASKED})
    app.ready()
    assert app.doc["Status"] == "Created"
    assert "IsActive" not in app.doc


@pytest.mark.parametrize("status", ["Deleting", "Stopping"])
def test_a_run_that_a_killed_controller_began_is_removed_where_none_is_wanted(
    tmp_path: Path, status: str
) -> None:
    world = World.make(tmp_path)
    server = Life(world, MLFLOW_TRACKING_SERVER, {"TrackingServerName": "t", **ASKED}, begin=False)
    with pytest.raises(Killed):
        world.tend(
            [MlflowServers(world.means, MLFLOW_TRACKING_SERVER)], records=DyingRecords(world.records, 0)
        )
    assert list(world.runtime.seen) == [f"{server.uid}-1"] and "_Run" not in server.doc
    world.later(LEASE_OVER)
    server.ask(TrackingServerStatus=status, _Wanted=False)
    for _ in range(3):
        server.tend(timedelta(seconds=1))
    assert not world.runtime.seen
    found = server.record
    assert found is None if status == "Deleting" else found and found.status == "Stopped"


@pytest.mark.parametrize("dies_at", range(8))
def test_whoever_takes_over_from_a_killed_controller_finishes_what_it_began(
    tmp_path: Path, dies_at: int
) -> None:
    server = Life(
        World.make(tmp_path), MLFLOW_TRACKING_SERVER, {"TrackingServerName": "t", **ASKED}, begin=False
    )
    world, records = server.world, DyingRecords(server.world.records, dies_at)
    controllers = [MlflowServers(world.means, MLFLOW_TRACKING_SERVER)]
    asked = False
    for _ in range(60):
        try:
            world.tend(controllers, records=records)
        except Killed:
            records = DyingRecords(world.records, 10**6)
            world.later(LEASE_OVER)
        for uid, each in list(world.runtime.seen.items()):
            phase = "exited" if ("stop", uid) in world.runtime.calls else "ready"
            world.runtime.seen[uid] = replace(each, phase=phase, socket=Path(f"/run/{uid}"))  # type: ignore[arg-type]
        world.later()
        found = server.record
        if found and found.status == "Created" and not asked:
            asked = True
            changes = {"TrackingServerStatus": "Deleting", "_Wanted": False}
            world.records.update(found, changes, due=world.clock.now())
    assert asked
    assert server.record is None
    assert not world.runtime.seen
    assert {call for call in world.runtime.calls if call[0] == "start"} == {("start", f"{server.uid}-1")}
