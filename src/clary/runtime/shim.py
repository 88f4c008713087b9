"""Owns one container: prepares it, starts it, watches it to its end, packs what it made and says how it
ended.

`python -m clary.runtime.shim DIRECTORY`, in a session of its own, with the standard library only. It outlives
the gateway and the controller; should it die itself, its container dies with it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from clary.core.document import Document
from clary.runtime import (
    attach,
    cgroups,
    container,
    control,
    failure,
    feed,
    health,
    hub,
    oci_container,
    pack,
    saved,
)
from clary.runtime.alive import identify
from clary.runtime.beneath import Unsafe
from clary.runtime.container import Container
from clary.runtime.disk import Disk
from clary.runtime.jobdir import JobDirectory, now_text, tag
from clary.runtime.ping import Health, Ping
from clary.runtime.place import Interrupted, place
from clary.runtime.removal import remove_tree
from clary.runtime.sandbox import INTERPRETER
from clary.runtime.spec import Pipe
from clary.runtime.transform import ledger
from clary.runtime.transform.driver import Driver
from clary.runtime.usage import Meter
from clary.runtime.wake import wake
from clary.runtime.warm import Slot, expected, leave, open_sockets

_FULL_AGAIN = 1.0  # seconds between two tries to write to a full disk
_TICK = 5.0  # seconds between looks at the wishes, should a poke have been lost


class Shim:
    """One run. `live` does everything, in order."""

    def __init__(self, job: JobDirectory, slot: Slot | None = None) -> None:
        launch = job.launch()
        if launch is None:
            raise FileNotFoundError(job.path / "launch.json")
        self.job, self.launch, self.spec, self.slot = job, launch, job.spec(), slot
        self.successor: subprocess.Popen[bytes] | None = None
        self.feeder: subprocess.Popen[bytes] | None = None
        self.state: Document = {
            "attempt": 1,
            "phase": "starting",
            "shim": _self(),
            "container": None,
            "cgroup": None,
            "started": None,
        }
        self.notes: list[str] = []
        self.stop_deadline: float | None = None
        self.told = False  # the program, to end
        self.killed = False
        self.failure = ""
        self.driver = Driver(job, self.launch.sockets / "share" / "http.sock")
        self.health = Health(self.spec.longest_call.total_seconds())
        self.disk = Disk(job.path, serves=self.spec.waits)
        self.meter: Meter | None = None
        self.full = ""  # why the run had to end to save the disk
        self.woken, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)

    def live(self) -> None:
        """Take the run to its end and write it down."""
        self.enter("starting")
        if self.slot:
            self.server, group = self.slot.server, self.slot.group
        else:
            self.server = open_sockets(self.launch)
            group = cgroups.create(tag(self.job.uid), self.launch.share.memory)
        self.state["cgroup"] = group.document() if group else None
        ended: Document = {"exit_code": None, "signal": None, "out_of_memory": False}
        try:
            started = self._start(group)
            if started:
                self._watch(started)
                ended = self._ending(started, group)
        except Interrupted:
            self.notes.append("The run was stopped before its program started.")
        except Unsafe as error:
            self.failure = f"ClientError: An input could not be placed: {error}"
        except OSError as error:
            self.failure = _machine_failure(error)
        finally:
            self._end_feeder()
            self.driver.end()
            if self.slot:
                self.slot.container.kill()
            if group:
                group.end()
        if not self.job.path.exists():
            return
        if self.full:
            self.disk.make_room(self.job.ml, self.job.tmp, self.job.home, log=self.job.log)
            ledger.discard_drafts(self.job)
        outputs = {} if self.killed or self.full else self._pack()
        self._finish(ended, {**outputs, **ledger.outputs(self.job)})

    def enter(self, phase: str) -> None:
        """Write down the phase and tell the controller."""
        self.state["phase"] = phase
        self.state["note"] = " ".join(self.notes)
        try:
            self.job.write_state(self.state)
        except OSError:  # on a full disk: the end, which matters, is waited for
            if phase == "starting":
                raise
        wake(self.launch.wake, self.job.uid)

    def _start(self, group: cgroups.Cgroup | None) -> Container | None:
        self.enter("preparing")
        if not self.slot and not self.launch.engine:
            container.sandbox_of(self.launch).prepare(self.job, self.spec, self.launch)
        binding = self.launch.sandbox != "process" and not self.slot
        binds = place(self.job, self.spec, bind=binding, stopping=lambda: bool(self.job.asked()))
        for directory in self.spec.saved:
            saved.mark(self.job, directory)
        if self.job.asked():
            raise Interrupted
        if self.spec.pipes:
            self.feeder = _feeder(self.job, self.spec.pipes)
        self.meter = Meter(self.job, group, self.launch.share.memory)
        if self.slot:
            started = self.slot.go(self.spec, self.launch)
        elif self.launch.engine:
            started = oci_container.start(self.job, self.spec, self.launch, binds, group)
        else:
            join = hub.network(self.job, self.spec, stopping=lambda: bool(self.job.asked()))
            if self.job.asked():
                raise Interrupted
            started = container.start(self.job, self.spec, self.launch, binds, group, join=join)
        self.state["container"] = started.init.document() if started.init else None
        self.meter.follow(started.init)
        self.state["started"] = now_text()
        self.enter("running")
        jobs = self.job.path.parent
        if not self.spec.serves and (most := expected(jobs, self.spec.image)):
            self.successor = leave(jobs, self.launch, self.spec.kept.total_seconds(), most=most)
        return started

    def _watch(self, running: Container) -> None:
        """Serve the socket, pass wishes on and check a server's health until the container's end."""
        ping = Ping(self.launch.sockets / "share" / "http.sock") if self.spec.serves else None
        startup = time.monotonic() + self.spec.startup_timeout.total_seconds()
        poller = select.poll()
        feeder = self.feeder.stdout.fileno() if self.feeder and self.feeder.stdout else None
        for descriptor in filter(None, (running.report, self.server.fileno(), self.woken, feeder)):
            poller.register(descriptor, select.POLLIN)
        self._obey(running)
        while True:
            timeout = min(self.disk.patience(), self._patience(), ping.patience() if ping else _TICK)
            timeout = min(timeout, self.meter.patience() if self.meter else _TICK)
            ready = {descriptor for descriptor, _ in poller.poll(max(0.0, timeout) * 1000)}
            if running.report in ready and not running.read():
                return
            if self.server.fileno() in ready:
                let_in = partial(attach.let_in, self.spec, self.launch, running)
                control.serve(self.server, partial(control.answer, self.job), let_in)
            for words in ready & {feeder, self.driver.words}:
                poller.unregister(words)
                self._hear(words, running)
            if self.successor:
                self.successor.poll()
            if self.meter:
                self.meter.look()
            if self.woken in ready:
                os.read(self.woken, 64)
            self._obey(running)
            if ping and ping.due():
                ping = self._look_after(ping, startup, running, poller)

    def _look_after(self, ping: Ping, startup: float, running: Container, poller: select.poll) -> Ping | None:
        """Ask a server how it is; None where that is not asked again."""
        if not ping.answered:
            self._check_health(ping, startup, running, poller)
        elif self.spec.transform or self.stop_deadline is not None:
            return None  # its driver knows how it is, or it is on its way out
        else:
            self._check_again(ping, running)
        return ping

    def _check_health(self, ping: Ping, startup: float, running: Container, poller: select.poll) -> None:
        if ping.try_once():
            self.health = Health(self.spec.longest_call.total_seconds())
            self.enter("ready")
            if self.spec.transform:
                poller.register(self.driver.start(), select.POLLIN)
            self.successor = leave(self.job.path.parent, self.launch)
        elif time.monotonic() > startup and not self.failure:
            seconds = self.spec.startup_timeout.total_seconds()
            seen = health.words(
                ping.heard, *(self.meter.pids(), self.meter.memory()) if self.meter else ((), "")
            )
            self.failure = failure.not_ready(ml=self.job.ml, log=self.job.log, seconds=seconds, seen=seen)
            running.kill()

    def _check_again(self, ping: Ping, running: Container) -> None:
        """See whether a server that was ready is well."""
        found = self.health.take(ping, ping.try_once())
        if found == "lost":
            self.failure = self.failure or failure.unwell(
                ml=self.job.ml, log=self.job.log, seconds=self.health.seconds(), heard=ping.heard
            )
            running.kill()
        elif found and found != self.state["phase"]:
            self.enter(found)

    def _hear(self, words: int, running: Container) -> None:
        """Take in the last words of whoever feeds the program or drives requests at it."""
        if words == self.driver.words:
            self._hear_driver(running)
        else:
            self._hear_feeder(words, running)

    def _hear_feeder(self, words: int, running: Container) -> None:
        """End a run whose data cannot be streamed; a feeder that just ended has nothing to say."""
        self.failure = self.failure or os.read(words, 4096).decode().partition("\n")[0]
        if self.failure:
            running.kill()

    def _hear_driver(self, running: Container) -> None:
        """End the server once its driver has: there is nothing more to ask it."""
        self.failure = self.failure or self.driver.hear()
        if self.stop_deadline is None:
            self.stop_deadline = time.monotonic() + self.spec.stop_grace.total_seconds()
        self.told = True
        running.stop()

    def _obey(self, running: Container) -> None:
        wish = self.job.asked() if self.job.path.exists() else "kill"  # a home that was deleted wants no run
        if wish == "kill" or (self.stop_deadline and time.monotonic() >= self.stop_deadline):
            self.killed = wish == "kill"
            running.kill()
        elif wish == "stop":
            self.driver.end()  # first: what it asks now would fail
            if self.stop_deadline is None:
                self.stop_deadline = time.monotonic() + self.spec.stop_grace.total_seconds()
            if running.up and not self.told:  # before that its first process is deaf to SIGTERM
                self.told = True
                running.stop()
        if not self.full and (words := self.disk.fault()):
            self.full = words
            running.kill()

    def _end_feeder(self) -> None:
        if self.feeder:
            self.feeder.kill()
            self.feeder.wait()

    def _patience(self) -> float:
        return _TICK if self.stop_deadline is None else self.stop_deadline - time.monotonic()

    def _ending(self, ended: Container, group: cgroups.Cgroup | None) -> Document:
        sandbox_code = ended.wait()
        if self.meter:
            self.meter.look(last=True)
        kills = ended.kills or (group.kills() if group else 0)
        status = ended.status
        if status is None:  # its init was killed: that is how the program ended too
            status = signal.SIGKILL if ended.up or ended.init else max(1, sandbox_code) << 8
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        code = 128 + number if number else os.waitstatus_to_exitcode(status)
        if self.driver.heard:  # the server has done all that was asked of it
            code, number = (1 if self.failure else 0), None
        out_of_memory = kills > 0 and code != 0
        stopped = self.stop_deadline is not None or self.killed
        self.full = self.full or self.disk.fault(now=True)  # the program may have noticed first
        if self.full:
            self.failure = f"AlgorithmError: {self.full}, exit code: {code}"
        elif not self.failure and not ended.up and ended.status is None and not stopped:
            words = failure.log_tail(self.job.log)[-600:].strip()
            self.failure = f"InternalServerError: The sandbox could not be made: {words}"
        elif not self.failure and (code != 0 or self.spec.serves) and not stopped:
            self.failure = self._explain(code, number, out_of_memory)
        return {"exit_code": code, "signal": number, "out_of_memory": out_of_memory}

    def _explain(self, code: int, number: int | None, out_of_memory: bool) -> str:
        if self.spec.serves and self.state["phase"] not in ("ready", "unhealthy") and not out_of_memory:
            how = f"was ended by signal {number}" if number else f"exited with code {code}"
            most = self.meter.most_memory() if self.meter else ""
            return failure.not_ready(ml=self.job.ml, log=self.job.log, seconds=0, ended=how, seen=most)
        return failure.explain(
            ml=self.job.ml,
            log=self.job.log,
            code=code,
            number=number,
            out_of_memory=out_of_memory,
            memory=self.launch.share.memory,
            serves=self.spec.serves,
        )

    def _pack(self) -> dict[str, str]:
        if not self.spec.outputs or not self.state["started"]:
            return {}
        self.enter("packing")
        made: dict[str, str] = {}
        for output in self.spec.outputs:
            self.job.out.mkdir(exist_ok=True)
            path = self.job.out / output.name
            try:
                make = pack.pack if output.packed else pack.lay_out
                written, empty, left_out = make(self.job.ml, output.directory, path, always=output.always)
            except OSError as error:
                self.failure = self.failure or _machine_failure(error)
                continue
            self.notes += left_out[:5]
            if unread := [words for words in left_out if words.endswith(pack.UNREAD)]:
                self.failure = self.failure or _closed(output.directory, unread)
            if empty and output.always:
                self.notes.append(f"The program wrote nothing to /opt/ml/{output.directory}.")
            if written:
                made[output.name] = str(path)
        return made

    def _message(self) -> str:
        """Return what a processing program left to say; evidence/processing-container.md."""
        if self.spec.program != "process":
            return ""
        try:
            return failure.message(self.job.ml)
        except ValueError:
            self.failure = self.failure or failure.NO_TEXT
            return ""

    def _finish(self, ended: Document, outputs: dict[str, str]) -> None:
        message = self._message()
        exit_document: Document = {
            **ended,
            "failure": self.failure,
            "message": message,
            "started": self.state["started"],
            "ended": now_text(),
            "outputs": outputs,
            "note": " ".join(self.notes),
            "lost": False,
        }
        while not self._written(exit_document):
            time.sleep(_FULL_AGAIN)
        self.enter("exited")
        self.server.close()
        for path in (self.job.tmp, self.job.home, self.job.inputs, self.launch.sockets):
            remove_tree(path)
        kept = self.spec.kept.total_seconds()
        if (ended["exit_code"] == 0 or kept) and not self.spec.serves:
            leave(self.job.path.parent, self.launch, kept)

    def _written(self, ended: Document) -> bool:
        """Write down how the run ended; a full disk is waited for, unless nobody wants to know any more."""
        try:
            self.job.write_exit(ended)
        except OSError as error:
            return error.errno != errno.ENOSPC or not self.job.path.exists() or self.job.asked() == "kill"
        return True


def main(arguments: list[str]) -> int:
    """Run the shim of one job directory, unless it has one or had one already."""
    if arguments[0] == "--warm":
        return _warm(JobDirectory(Path(arguments[1])))
    job = JobDirectory(Path(arguments[0]))
    with job.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        if job.state() is not None or job.exit() is not None:
            return 0
        _listen_to_signals(job)
        Shim(job).live()
    return 0


def _warm(job: JobDirectory) -> int:
    """Be the shim of a slot, and then of the run that takes it."""
    with job.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        launch = job.launch()
        if launch is None:
            return 1
        slot = Slot(job, launch)
        run = slot.wait()
        if run is None:
            slot.end()
            return 0
        _listen_to_signals(run)
        Shim(run, slot).live()
    return 0


def _listen_to_signals(job: JobDirectory) -> None:
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: job.ask("stop"))


def _feeder(job: JobDirectory, pipes: Sequence[Pipe]) -> subprocess.Popen[bytes]:
    """Start what feeds the pipes; the first ones are there before the program is."""
    for pipe in pipes:
        feed.lay(job.ml, pipe.channel, 0)
    with (job.path / "shim.log").open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, *INTERPRETER, "-m", "clary.runtime.feed", str(job.path)],
            env=os.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
        )


def _self() -> Document | None:
    me = identify(os.getpid())
    return me.document() if me else None


def _closed(directory: str, unread: list[str]) -> str:
    more = f" So were {len(unread) - 1} more." if len(unread) > 1 else ""
    return (
        f"ClientError: Of /opt/ml/{directory}, {unread[0]}{more} Let the program leave what it makes "
        "to the user that it runs as, and repeat the job."
    )


def _machine_failure(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return (
            "InternalServerError: The disk is full. Free some space under CLARY_HOME (`clary doctor` shows "
            "how much is used), then start the job again."
        )
    return f"InternalServerError: The machine refused: {error}. `clary doctor` checks what it needs."


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
