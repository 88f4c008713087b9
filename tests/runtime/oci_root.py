"""A root file system made of this machine's own files: its Python with the libraries it needs."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

from clary.runtime.engine import Engine

REPOSITORY = f"clary-test-{os.getpid()}"  # the engine is the machine's: other suites may use it too
NAME = f"localhost/{REPOSITORY}:1"
PYTHON = Path(sys.base_prefix, "bin", f"python3.{sys.version_info[1]}").resolve()
LEFT_OUT = {
    "test",
    "site-packages",
    "__pycache__",
    "idlelib",
    "tkinter",
    "turtledemo",
    "ensurepip",
    "lib2to3",
}
TRAIN = """#!{python}
import json, os, pathlib, signal, sys, time, urllib.request
ml = pathlib.Path("/opt/ml")
what = json.loads((ml / "input/config/hyperparameters.json").read_text())["do"]
def kept(*_):
    (ml / "model" / "stopped").write_text("in time")
    sys.exit(0)
if what == "fail":
    (ml / "output/failure").write_text("it was meant to fail")
    sys.exit(3)
if what == "wait":
    signal.signal(signal.SIGTERM, kept)
if what == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if what == "eat":
    eaten = []
    while True:
        eaten.append(bytearray(b"x" * (16 << 20)))
if what == "call":
    print(urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"], timeout=30).read().decode(), flush=True)
print(sys.argv[0], *sys.argv[1:], os.environ.get("GIVEN"), os.getpid(), flush=True)
for path in sorted((ml / "input/data").rglob("*")):
    print(path, path.stat().st_size, flush=True)
(ml / "model" / "model.txt").write_text("a model")
print("ready", flush=True)
while what in ("wait", "deaf"):
    time.sleep(0.05)
"""
SERVE = """#!{python}
import http.server, os, urllib.request
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.answer(b"" if self.path == "/ping" else b"?")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"call":
            body = urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"], timeout=30).read()
        self.answer(body.upper())
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""


def put(engine: Engine, folder: Path) -> str:
    """Put the image into the engine's store; return its name."""
    archive = folder / "root.tar"
    with tarfile.open(archive, "w") as tar:
        for path in (PYTHON, *_libraries(PYTHON)):
            _add(tar, path.resolve(), path)
        modules = Path(sys.base_prefix, "lib", f"python3.{sys.version_info[1]}")
        tar.add(modules, str(modules).lstrip("/"), filter=_wanted)
        for module in (modules / "lib-dynload").glob("*.so"):
            for path in _libraries(module):
                _add(tar, path.resolve(), path)
        for name, text in (("train", TRAIN), ("serve", SERVE)):
            _write(tar, f"usr/bin/{name}", text.format(python=PYTHON), 0o755)
        _write(tar, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\nother:x:1234:1234::/:/bin/sh\n", 0o644)
        _write(tar, "tmp/.keep", "", 0o644)
    done = engine.call("import", str(archive), NAME, timeout=120)
    assert done.returncode == 0, done.stderr
    archive.unlink()
    return NAME


def _libraries(binary: Path) -> list[Path]:
    told = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False).stdout  # noqa: S603, S607
    return [Path(found) for found in re.findall(r"(/\S+) \(0x", told)]


def _add(tar: tarfile.TarFile, source: Path, target: Path) -> None:
    name = str(target).lstrip("/")
    if name not in tar.getnames():
        tar.add(source, name)


def _wanted(item: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if LEFT_OUT & set(Path(item.name).parts) else item


def _write(tar: tarfile.TarFile, name: str, text: str, mode: int) -> None:
    item = tarfile.TarInfo(name)
    item.size, item.mode = len(text.encode()), mode
    tar.addfile(item, io.BytesIO(text.encode()))
