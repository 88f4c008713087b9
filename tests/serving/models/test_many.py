"""Multi-model hosts over HTTP: models are loaded as they are called, and make room for each other."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import socket
import tarfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.serving.models.shelf import Shelf
from tests.serving.test_pipeline import Asked, Script
from tests.serving.test_router import ok

from clary.core.document import Document
from clary.resources.inference.endpoint import ENDPOINT
from clary.runtime.jobdir import JobDirectory
from clary.runtime.launch import Image, Launch, Share
from clary.serving.connection import Host, HostLost, Unsent
from clary.serving.head import head
from clary.serving.invocation import Invocation
from clary.serving.models.affinity import BUSIER, by_model
from clary.serving.models.counts import Counts
from clary.serving.models.fetching import Fetching, Prefix
from clary.serving.models.many import LONGEST, TARGET, Many, NotReady, Own
from clary.serving.models.models import Models, points

if TYPE_CHECKING:
    from tests.conftest import Server

BUCKET = "many-models"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
_serial = itertools.count()


def archive(*more: tarfile.TarInfo, **files: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
        for member in more:
            tar.addfile(member)
    return packed.getvalue()


def linked(target: str, **files: str) -> bytes:
    member = tarfile.TarInfo("link")
    member.type, member.linkname = tarfile.SYMTYPE, target
    return archive(member, **files)


@pytest.fixture(scope="module")
def s3(server: Server) -> Any:
    made = server.client("s3")
    made.create_bucket(Bucket=BUCKET)
    for name in "abcdefgh":
        made.put_object(Bucket=BUCKET, Key=f"m/{name}.tar.gz", Body=archive(name=name))
    return made


@contextmanager
def running(server: Server, socket: Path) -> Iterator[str]:
    """Have a run's directory with what a gateway reads of it; give its uid."""
    job = JobDirectory(server.home.jobs / f"many-{next(_serial)}")
    job.ml.mkdir(parents=True)
    image = Image(name="i", key="k", prefix=socket.parent, base=socket.parent)
    share = Share(memory=1 << 30)
    job.write_launch(
        Launch(image=image, share=share, sandbox="process", sockets=socket.parent, wake=socket.parent / "w")
    )
    yield job.uid


class Endpoint:
    """An endpoint of one multi-model host, and a caller of it."""

    def __init__(self, server: Server, name: str, shelf: Shelf, uid: str, **told: object) -> None:
        self.name, self.shelf, self.uid, self.server = name, shelf, uid, server
        models = {"Prefix": f"s3://{BUCKET}/m", "Role": ROLE, "Kept": True, **told}
        self._records = server.stores.records.scoped("000000000000", "us-east-1")
        host = {"Variant": "v", "Weight": 1.0, "Socket": str(shelf.path), "Uid": uid, "Models": models}
        doc: Document = {"EndpointName": name, "EndpointStatus": "InService", "_Hosts": [host]}
        self.record = self._records.create(ENDPOINT, doc)
        self._client = server.client("sagemaker-runtime")

    def ask(self, target: str) -> str:
        """Return a model's answer."""
        answer = self._client.invoke_endpoint(EndpointName=self.name, TargetModel=target, Body=b"x")
        return str(answer["Body"].read().decode())

    def refusal(self, target: str | None) -> tuple[str, str]:
        """Return the code and the words of a call that must fail."""
        with pytest.raises(ClientError) as refused:
            words = {} if target is None else {"TargetModel": target}
            self._client.invoke_endpoint(EndpointName=self.name, Body=b"x", **words)
        error = refused.value.response["Error"]
        return str(error["Code"]), str(error["Message"])

    def forget(self) -> None:
        """Delete it."""
        self._records.delete(self.record)


@pytest.fixture
def shelf(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shelf]:
    made = Shelf(tmp_path / "http.sock", **getattr(request, "param", {}))
    yield made
    made.close()


@pytest.fixture
def endpoint(server: Server, s3: Any, shelf: Shelf) -> Iterator[Endpoint]:
    with running(server, shelf.path) as uid:
        made = Endpoint(server, uid, shelf, uid)
        yield made
        made.forget()


OWN = pytest.mark.parametrize("shelf", [{"sockets": True}, {"sockets": False}], indirect=True)


@OWN
def test_a_model_is_loaded_when_it_is_first_called(endpoint: Endpoint, shelf: Shelf) -> None:
    suffix = " itself" if shelf.sockets else ""
    for _ in range(3):
        for name in "abc":
            assert endpoint.ask(f"{name}.tar.gz") == name + suffix
    assert shelf.loads == ["a.tar.gz", "b.tar.gz", "c.tar.gz"]
    assert endpoint.ask("/a.tar.gz") == "a" + suffix  # as some clients write it


def test_many_callers_of_a_model_wait_for_one_load(endpoint: Endpoint, shelf: Shelf) -> None:
    shelf.before_load = lambda: time.sleep(0.1)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(endpoint.ask, ["a.tar.gz"] * 16)) == {"a"}
    assert shelf.loads == ["a.tar.gz"]


@pytest.mark.parametrize(
    "shelf", [{"room": 2, "sockets": True}, {"room": 2, "sockets": False}], indirect=True
)
def test_the_model_that_was_asked_for_longest_ago_makes_room(endpoint: Endpoint, shelf: Shelf) -> None:
    suffix = " itself" if shelf.sockets else ""
    for name in "abcb":
        assert endpoint.ask(f"{name}.tar.gz") == name + suffix
    assert shelf.unloads == ["a"]
    assert endpoint.ask("d.tar.gz") == "d" + suffix
    assert len(shelf.models) == 2


@pytest.mark.parametrize("shelf", [{"room": 3, "sockets": True}], indirect=True)
def test_no_call_gets_another_models_answer_while_models_come_and_go(
    endpoint: Endpoint, shelf: Shelf
) -> None:
    with ThreadPoolExecutor(4) as pool:
        names = [name for _ in range(20) for name in "abcdefgh"]
        assert list(pool.map(endpoint.ask, [f"{name}.tar.gz" for name in names])) == [
            f"{name} itself" for name in names
        ]
    assert len(shelf.unloads) > 3


@OWN
def test_a_model_that_the_container_lost_is_loaded_again(endpoint: Endpoint, shelf: Shelf) -> None:
    suffix = " itself" if shelf.sockets else ""
    assert endpoint.ask("a.tar.gz") == "a" + suffix
    for name in list(shelf.models):
        shelf.drop(name)
    assert endpoint.ask("a.tar.gz") == "a" + suffix
    assert shelf.loads == ["a.tar.gz", "a.tar.gz"]


@pytest.mark.parametrize("shelf", [{"sockets": True}], indirect=True)
def test_a_call_that_met_a_model_on_its_way_out_is_asked_again(endpoint: Endpoint, shelf: Shelf) -> None:
    assert endpoint.ask("a.tar.gz") == "a itself"
    name = next(iter(shelf.models))
    leaving = shelf.own[name]

    def leave(*_: object) -> bytes:
        shelf.models.pop(name)
        shelf.own.pop(name)
        leaving.path.unlink()
        return b"HTTP/1.1 503 Bye\r\nX-Clary-Leaving: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

    leaving.answer = leave
    assert endpoint.ask("a.tar.gz") == "a itself"
    assert shelf.loads == ["a.tar.gz", "a.tar.gz"]
    leaving.close()


@OWN
def test_a_loaded_model_with_a_server_of_its_own_is_asked_at_once(
    endpoint: Endpoint, shelf: Shelf, server: Server
) -> None:
    router = server.parts.plane.router
    named = replace(call("a.tar.gz"), endpoint=endpoint.name)
    assert router.straight(named) is None  # for the model is not loaded yet
    for _ in range(3):
        endpoint.ask("a.tar.gz")
    way = router.straight(named)
    assert (way is not None) == shelf.sockets
    assert way is None or way.host.uid == endpoint.uid
    assert router.straight(replace(named, headers={TARGET: b"b.tar.gz"})) is None
    container = {b"x-amzn-sagemaker-target-container-hostname": b"c"}
    assert router.straight(replace(named, headers={**named.headers, **container})) is None
    assert endpoint.uid not in router.busy()


@pytest.mark.parametrize("shelf", [{"sockets": True}], indirect=True)
def test_what_a_models_own_server_works_on_is_its_hosts_load(endpoint: Endpoint, server: Server) -> None:
    fetching = Fetching(server.stores.objects, lambda *_: True, server.home.jobs)
    many = Many(endpoint.uid, endpoint.shelf.path, Prefix(f"s3://{BUCKET}/m", ROLE), fetching, Counts())

    async def ask() -> None:
        assert many.at_once(call("a.tar.gz")) is None
        await many.call(call("a.tar.gz"), 90)
        own = many.at_once(call("a.tar.gz"))
        assert own is not None
        asking = asyncio.ensure_future(own.ask(head({}, 1), b"x", 90))
        await asyncio.sleep(0)
        assert (many.load, own.load) == (1, 1)
        assert (await asking).body == b"a itself"
        _, answer = await many.call(call("a.tar.gz"), 90)
        assert answer.body == b"a itself"
        assert (many.load, own.load) == (0, 0)
        many.close()

    asyncio.run(ask())
    assert many.counts.hits == {0: 1, 1: 2}
    passing = Many("u", endpoint.shelf.path, Prefix("s3://b/m", ROLE, kept=False), fetching, Counts())
    passing._loaded[b"a"] = next(iter(many._loaded.values()))
    assert passing.at_once(call("a")) is None  # it is unloaded after each call


def test_what_is_posted_to_a_models_own_server_is_its_hosts_load_until_it_is_answered(
    tmp_path: Path, server: Server
) -> None:
    hold = threading.Event()

    def act(connection: socket.socket, body: bytes) -> bool:
        assert_set(hold)
        connection.sendall(ok(body))
        return body != b"last"

    script = Script(tmp_path / "m.sock", act)
    fetching = Fetching(server.stores.objects, lambda *_: True, server.home.jobs)
    many = Many("u", tmp_path / "http.sock", Prefix("s3://b/m", ROLE), fetching, Counts())

    async def ask() -> None:
        own = Own(many, tmp_path / "m.sock")
        hello = Asked(b"hello")
        await own.ask(hello.head, hello.body, 60)
        while not own.post([hello], 60):
            await asyncio.sleep(0)
        await hello.ended
        asked = [Asked(body) for body in (b"first", b"last", b"lost")]
        assert own.post(asked, 60)
        assert (many.load, own.load) == (3, 3)
        hold.set()
        first, last, lost = [await each.ended for each in asked]
        assert (first, last) == (b"first", b"last") and lost in (HostLost, Unsent)
        assert (many.load, own.load) == (0, 0)
        own.close()

    asyncio.run(ask())
    script.close()


def test_a_gateway_that_begins_asks_what_is_loaded(endpoint: Endpoint, shelf: Shelf, server: Server) -> None:
    assert endpoint.ask("a.tar.gz") == "a"
    fetching = Fetching(server.stores.objects, lambda *_: True, server.home.jobs)
    other = Many(endpoint.uid, shelf.path, Prefix(f"s3://{BUCKET}/m", ROLE), fetching, Counts())
    _, answer = asyncio.run(other.call(call("a.tar.gz"), 90))
    assert answer.body == b"a"
    assert shelf.loads == ["a.tar.gz"]


def call(target: str, began: float = 0.0) -> Invocation:
    return Invocation(
        account="000000000000",
        region="us-east-1",
        endpoint="e",
        headers={TARGET: target.encode()},
        body=b"x",
        began=began or time.perf_counter(),
    )


def test_a_call_that_waited_too_long_is_told_and_its_model_is_loaded_all_the_same(
    endpoint: Endpoint, shelf: Shelf, server: Server
) -> None:
    gate = threading.Event()
    shelf.before_load = lambda: assert_set(gate)
    fetching = Fetching(server.stores.objects, lambda *_: True, server.home.jobs)
    many = Many(endpoint.uid, shelf.path, Prefix(f"s3://{BUCKET}/m", ROLE), fetching, Counts())

    async def ask() -> bytes:
        with pytest.raises(NotReady, match=r"The model a.tar.gz of the endpoint e is still being loaded"):
            await many.call(call("a.tar.gz", time.perf_counter() - LONGEST), 10)
        gate.set()
        return (await many.call(call("a.tar.gz"), 90))[1].body

    assert asyncio.run(ask()) == b"a"
    assert shelf.loads == ["a.tar.gz"]


def assert_set(gate: threading.Event) -> None:
    assert gate.wait(90)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"no archive", "is a valid tar.gz archive"),
        (archive(name="x")[:40], "is a valid tar.gz archive"),
        (archive(**{"../name": "x"}), r"climbs out of its directory"),
        (archive(**{"/etc/name": "x"}), "is an absolute path"),
        (linked("/etc/passwd"), "points to the absolute path"),
        (linked("../../x"), "points out of the archive"),
    ],
)
def test_an_archive_that_must_not_be_unpacked_is_refused(
    endpoint: Endpoint, shelf: Shelf, s3: Any, body: bytes, says: str
) -> None:
    key = f"bad-{next(_serial)}.tar.gz"
    s3.put_object(Bucket=BUCKET, Key=f"m/{key}", Body=body)
    for _ in range(2):  # nothing half is taken for whole
        code, words = endpoint.refusal(key)
        assert (code, words.startswith("Failed to extract model data archive")) == ("ValidationError", True)
        assert says in words
    assert shelf.loads == []
    assert endpoint.ask("a.tar.gz") == "a"


def test_what_was_unpacked_before_the_disk_refused_more_is_removed(
    endpoint: Endpoint, shelf: Shelf, s3: Any, server: Server
) -> None:
    key = f"long-{next(_serial)}.tar.gz"
    body = linked("d/" * 3000, bulk="which is there before the links are made")  # PATH_MAX is 4096
    s3.put_object(Bucket=BUCKET, Key=f"m/{key}", Body=body)
    code, words = endpoint.refusal(key)
    assert code == "ServiceUnavailable"
    assert words.endswith("could not be put in place: File name too long. What there was of it was removed.")
    assert [*(JobDirectory(server.home.jobs / endpoint.uid).ml / "models").iterdir()] == []
    assert shelf.loads == []


def test_a_model_that_is_not_there_or_not_named_is_refused(endpoint: Endpoint, shelf: Shelf) -> None:
    code, words = endpoint.refusal("nothing.tar.gz")
    assert code == "ValidationError"
    assert f"Failed to download model data(bucket: {BUCKET}, key: m/nothing.tar.gz)" in words
    code, words = endpoint.refusal(None)
    assert (code, "missing a target model header" in words) == ("ValidationError", True)
    assert endpoint.refusal("../m/a.tar.gz")[0] == "ValidationError"  # a key, not a path
    assert shelf.loads == []


def test_a_role_that_may_not_read_a_model_is_refused(server: Server, s3: Any, shelf: Shelf) -> None:
    iam = server.client("iam")
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sagemaker.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = iam.create_role(RoleName="reads-nothing", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    with running(server, shelf.path) as uid:
        closed = Endpoint(server, uid, shelf, uid, Role=role)
        code, words = closed.refusal("a.tar.gz")
        assert (code, "is not authorized to perform: s3:GetObject" in words) == ("ValidationError", True)
        closed.forget()
        gone = Endpoint(server, f"{uid}-gone", shelf, f"{uid}", Role=f"{role}-not-there")
        assert gone.refusal("a.tar.gz")[0] == "ValidationError"
        gone.forget()


def test_a_model_that_does_not_load_is_a_model_error_with_its_traceback(
    endpoint: Endpoint, shelf: Shelf, s3: Any
) -> None:
    s3.put_object(Bucket=BUCKET, Key="m/bad.tar.gz", Body=archive(bad="KeyError: no weights"))
    code, words = endpoint.refusal("bad.tar.gz")
    assert code == "ModelError"
    assert "Received server error (500) from v" in words
    assert "Traceback: KeyError: no weights" in words
    assert endpoint.ask("a.tar.gz") == "a"


@pytest.mark.parametrize("shelf", [{"room": 0}], indirect=True)
def test_a_model_for_which_there_is_never_room_is_a_model_error(endpoint: Endpoint) -> None:
    code, words = endpoint.refusal("a.tar.gz")
    assert (code, "(507)" in words, "the shelf is full" in words) == ("ModelError", True, True)


def test_names_that_differ_in_case_or_have_odd_characters_are_their_own(endpoint: Endpoint, s3: Any) -> None:
    names = ["A.tar.gz", "sub/dir/a.tar.gz", "a b.tar.gz", "a%2Fb.tar.gz", "a;b'\"?&#.tar.gz", "a..tar.gz"]
    for name in names:
        s3.put_object(Bucket=BUCKET, Key=f"m/{name}", Body=archive(name=f"this is {name}"))
    for name in names:
        assert endpoint.ask(name) == f"this is {name}"
    assert endpoint.ask("a.tar.gz") == "a"


def test_a_replaced_model_answers_once_it_is_loaded_again_and_a_deleted_one_until_it_is_unloaded(
    endpoint: Endpoint, shelf: Shelf, s3: Any
) -> None:
    s3.put_object(Bucket=BUCKET, Key="m/changes.tar.gz", Body=archive(name="old"))
    assert endpoint.ask("changes.tar.gz") == "old"
    s3.put_object(Bucket=BUCKET, Key="m/changes.tar.gz", Body=archive(name="new"))
    assert endpoint.ask("changes.tar.gz") == "old"
    shelf.drop(next(iter(shelf.models)))
    assert endpoint.ask("changes.tar.gz") == "new"
    s3.delete_object(Bucket=BUCKET, Key="m/changes.tar.gz")
    assert endpoint.ask("changes.tar.gz") == "new"
    shelf.drop(next(iter(shelf.models)))
    assert endpoint.refusal("changes.tar.gz")[0] == "ValidationError"


def test_a_model_that_is_not_to_be_kept_is_unloaded_after_its_call(
    server: Server, s3: Any, shelf: Shelf
) -> None:
    with running(server, shelf.path) as uid:
        endpoint = Endpoint(server, uid, shelf, uid, Kept=False)
        for _ in range(3):
            assert endpoint.ask("a.tar.gz") == "a"
            until = time.monotonic() + 30
            while shelf.models:
                assert time.monotonic() < until
        assert shelf.loads == ["a.tar.gz"] * 3
        endpoint.forget()


def test_a_container_cannot_lead_us_out_of_its_directory(
    endpoint: Endpoint, shelf: Shelf, server: Server, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (server.home.jobs / endpoint.uid / "ml" / "models").symlink_to(elsewhere)
    code, words = endpoint.refusal("a.tar.gz")
    assert (code, "is a link or a file" in words) == ("ServiceUnavailable", True)
    assert not list(elsewhere.iterdir())


def test_calls_of_a_model_go_to_one_host_until_it_is_much_busier(tmp_path: Path) -> None:
    hosts = [Host(f"h{number}", tmp_path / "none") for number in range(4)]
    chosen = {name: by_model(hosts, name.encode()) for name in map(str, range(40))}
    assert {host.uid for host in chosen.values()} == {"h0", "h1", "h2", "h3"}
    assert all(by_model(hosts[::-1], name.encode()) is host for name, host in chosen.items())
    first = chosen["0"]
    first.load = BUSIER
    assert by_model(hosts, b"0") is first
    first.load += 1
    assert by_model(hosts, b"0") is not first


def test_what_happens_to_models_is_counted_as_metrics(
    endpoint: Endpoint, server: Server, shelf: Shelf
) -> None:
    models = Models(server.stores.objects, lambda *_: True, server.home.jobs)
    place = ("000000000000", "us-east-1", "e", "v")
    told = {"Prefix": f"s3://{BUCKET}/m", "Role": ROLE, "Kept": True}
    many = models.host(place, endpoint.uid, shelf.path, told, 1 << 20)

    async def ask() -> dict[str, list[tuple[float, float]]]:
        for name in ("a", "a", "b"):
            await many.call(call(f"{name}.tar.gz"), 90)
        shelf.room = 2
        await many.call(call("c.tar.gz"), 90)
        taken = await models.take()
        assert len(taken) == 1
        assert (await models.take())[0][1].hits == {}
        return {
            series.name: [*zip(columns.arrays[1], columns.arrays[2], strict=True)]
            for series, columns in points(*taken[0], 0)
        }

    found = asyncio.run(ask())
    assert found["ModelCacheHit"] == [(0.0, 3.0), (1.0, 1.0)]
    assert found["LoadedModelCount"] == [(2.0, 1.0)]
    for name in ("ModelLoadingWaitTime", "ModelDownloadingTime", "ModelLoadingTime"):
        assert sum(count for _, count in found[name]) == 3
    assert sum(count for _, count in found["ModelUnloadingTime"]) == 1
