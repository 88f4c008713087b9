"""A whole server of real processes, which tests kill one by one: gateway, controller, shims, containers."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config

from clary.core.listening import listen
from clary.runtime import alive
from clary.runtime.jobdir import JobDirectory

Answer = TypeVar("Answer")
PATIENCE = 90.0  # seconds; far more than anything here takes on a busy machine
SOURCE = Path(__file__).resolve().parents[2]

# The image's programs hold at the gate `ml/go` until the test opens it, so that each phase can be met.
IMAGE = """
name = "held"
repositories = ["held"]
[programs]
train = ["python", "/opt/image/train.py"]
serve = ["python", "/opt/image/serve.py"]
"""
TRAIN = """
import os, pathlib, time
ml = pathlib.Path("/opt/ml")
for n in range(100):
    print("line", n, flush=True)
while os.environ.get("HELD") and not (ml / "go").exists():
    time.sleep(0.01)
nonce = (ml / "input/data/train/nonce").read_text()
(ml / "model/answer").write_text("seen " + nonce)
(ml / "model/bulk").write_bytes(os.urandom(int(os.environ.get("BULK", "0"))))
print("done", flush=True)
"""
SERVE = """
import http.server, os, pathlib, socketserver, time
ml = pathlib.Path("/opt/ml")
print("starting", flush=True)
while os.environ.get("HELD") and not (ml / "go").exists():
    time.sleep(0.01)
answer = (ml / "model/answer").read_bytes()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.reply(b"")
    def do_POST(self):
        time.sleep(float(os.environ.get("SECONDS", "0")))
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if os.environ.get("HELD_ANSWERS"):
            print("asked", flush=True)
            while not (ml / "answers").exists():
                time.sleep(0.01)
        self.reply(answer + b" " + body)
    def reply(self, body):
        unwell = 503 if (ml / "unwell").exists() else 200
        self.send_response(int(os.environ.get("STATUS", "200")) if self.command == "POST" else unwell)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def address_string(self):
        return "gateway"
    def log_message(self, *args):
        pass
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
Server(os.environ["SAGEMAKER_BIND_TO_SOCKET"], Handler).serve_forever()
"""


@dataclass
class Site:
    """One home with its processes. `up` brings back whatever is dead, as the supervisor does.

    `view` is where this process finds the home when the server's see another file system; `within` brings a
    command there. `settings` are variables of the environment for its processes.
    """

    root: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    view: Path | None = None
    within: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home = self.view or self.root / "home"
        self.listeners = listen("127.0.0.1", 0), listen("127.0.0.1", 0)  # kept, as the supervisor does
        folder = self.home / "images" / "held"
        folder.mkdir(parents=True)
        for name, text in {"image.toml": IMAGE, "train.py": TRAIN, "serve.py": SERVE}.items():
            (folder / name).write_text(text)

    def up(self) -> None:
        """Start every process that does not run, and wait until calls are answered."""
        for role in ("gateway", "controller"):
            process = self.processes.get(role)
            if process is None or process.poll() is not None:
                self.processes[role] = self._spawn(role)
        self.until(lambda: self.answers(), "the gateway answers")

    def answers(self) -> bool:
        """Say whether the gateway that was started last is listening."""
        assert self.processes["gateway"].poll() is None, self.complaints()
        told = [json.loads(path.read_text())["pid"] for path in (self.home / "run").glob("gateway*.json")]
        return self.processes["gateway"].pid in told

    def renew(self) -> None:
        """Replace the gateway as `clary restart` does: by one beside it, to which it then gives way."""
        before = self.processes["gateway"]
        self.processes["gateway"] = self._spawn("gateway")
        self.until(self.answers, "the new gateway answers")
        before.send_signal(signal.SIGUSR1)
        assert before.wait(PATIENCE) == 0

    def kill(self, role: str) -> None:
        """Kill -9 the gateway or the controller."""
        self.processes[role].kill()
        self.processes[role].wait()

    def kill_run(self, uid: str, which: str) -> str:
        """Kill -9 a run's shim or the first process of its container; return the phase that it died in.

        That is empty for a run which ended by itself before. What is not known of it yet is waited for: a
        program may print before its shim says that it runs.
        """
        job = self.job(uid)

        def known() -> bool:
            return bool((job.state() or {}).get(which)) or not job.path.exists()

        self.until(known, f"{uid} has a {which}")
        found, shim = (alive.read((job.state() or {}).get(name)) for name in (which, "shim"))
        if found is None or shim is None or not shim.send(signal.SIGSTOP):
            return ""
        self.until(lambda: job.exit() or not shim.alive() or _stands(shim.pid), f"the shim of {uid} stands")
        phase = "" if job.exit() else self.phase(uid)
        found.send(signal.SIGKILL)
        shim.send(signal.SIGCONT)
        return phase

    def down(self) -> None:
        """Stop everything, in order, and end what a failed test left running."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(PATIENCE)
        for listener in self.listeners:
            listener.close()
        for path in (self.home / "jobs").glob("*/state.json"):
            shim = alive.read((self.job(path.parent.name).state() or {}).get("shim"))
            if shim:
                shim.send(signal.SIGKILL)

    def runs(self, uid: str) -> list[str]:
        """Return the runs of a record."""
        found = (path.parent.name for path in (self.home / "jobs").glob(f"{uid}-*/spec.json"))
        return sorted(name for name in found if not name.startswith("."))

    def run_of(self, name: str) -> str:
        """Wait for a run of a training job, and return the one of its latest attempt, on its first host."""

        def look() -> str:
            found = {}
            for uid in self.runs("*"):
                with contextlib.suppress(OSError):  # it is being removed
                    found[uid] = self.job(uid).spec()
            own = [uid for uid, spec in found.items() if spec.environment.get("TRAINING_JOB_NAME") == name]
            return max((uid for uid in own if found[uid].host == "algo-1"), key=_attempt, default="")

        return self.until(look, f"{name} has a run")

    def job(self, uid: str) -> JobDirectory:
        """Return a run's directory."""
        return JobDirectory(self.home / "jobs" / uid)

    def phase(self, uid: str) -> str:
        """Return what a run's shim said last."""
        state = self.job(uid).state()
        return str(state["phase"]) if state else ""

    def open_gates(self) -> None:
        """Let every program that holds go on."""
        for ml in (self.home / "jobs").glob("*/ml"):
            with contextlib.suppress(FileNotFoundError):  # the run was removed meanwhile
                (ml / "go").touch()

    def open_answers(self) -> None:
        """Let every server answer that holds its answers."""
        for ml in (self.home / "jobs").glob("*/ml"):
            with contextlib.suppress(FileNotFoundError):  # the run was removed meanwhile
                (ml / "answers").touch()

    def processes_left(self) -> list[str]:
        """Return the command lines of processes that belong to runs of this home."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 - a process may end while we look
            try:
                line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(self.home / "jobs") in line:
                found.append(line)
        return found

    def until(self, look: Callable[[], Answer | None], what: str, patience: float = PATIENCE) -> Answer:
        """Look until there is something to see."""
        end = time.monotonic() + patience
        while not (seen := look()):
            assert time.monotonic() < end, f"{what}: not within {patience:.0f} s\n{self.complaints()}"
            select.select([], [], [], 0.005)
        return seen

    def complaints(self) -> str:
        """Return the ends of the processes' own logs."""
        return "\n".join(path.read_text()[-2000:] for path in self.root.glob("*.log"))

    def address(self) -> dict[str, str]:
        """Return what a client needs to be the administrator's."""
        told = json.loads((self.home / "run" / "gateway.json").read_text())
        keys = json.loads((self.home / "keys" / "administrator.json").read_text())
        return {
            "endpoint_url": f"http://127.0.0.1:{told['port']}",
            "region_name": "us-east-1",
            "aws_access_key_id": keys["AccessKeyId"],
            "aws_secret_access_key": keys["SecretAccessKey"],
        }

    # boto3's clients are typed loosely.
    def client(self, service: str, attempts: int = 8) -> Any:
        """Return a client of the administrator that tries again while the gateway is away."""
        config = Config(
            retries={"total_max_attempts": attempts, "mode": "standard"}, proxies={}, max_pool_connections=64
        )
        return boto3.client(service, config=config, **self.address())  # type: ignore[call-overload]  # as is

    def _spawn(self, role: str) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "CLARY_HOME": str(self.root / "home"),
            "CLARY_CACHE": str(self.root / "cache"),
            "CLARY_PORT": "0",
            "PYTHONPATH": str(SOURCE / "src"),
            **self.settings,
        }
        passed = [each.fileno() for each in self.listeners if role == "gateway"]
        environment["CLARY_LISTENERS"] = ",".join(map(str, passed))
        with (self.root / f"{role}.log").open("ab") as log:
            command = [*self.within, sys.executable, "-m", "clary.app", role]
            return subprocess.Popen(  # noqa: S603 - ours
                command, env=environment, stdout=log, stderr=log, pass_fds=passed
            )


def _attempt(uid: str) -> int:
    return int(uid.split("-")[1])


def _stands(pid: int) -> bool:
    """Tell whether a process is stopped."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in "TZ"
