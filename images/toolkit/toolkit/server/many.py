"""The master of a multi-model server: it imports the framework once, and forks the processes of each model.

A model that crashes, hangs or leaks has processes of its own to lose, and unloading one gives its memory
back. Which models there are is known here alone: whoever wants to know asks. evidence/multi-model.md
"""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import os
import resource
import selectors
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import TypeVar

from toolkit.failure import report
from toolkit.server import front, memory
from toolkit.server.callers import BACKLOG
from toolkit.server.hosted import Hosted, Order
from toolkit.server.master import DRAIN_SECONDS, LOOK_SECONDS, Ended, Settings, bind, ending
from toolkit.server.messages import Source

LOAD_SECONDS = 360.0  # what AWS gives a model to be loaded
PAGE = 200
_REMEMBERED = 10_000  # models whose end, or need of memory, is kept in mind
_LEAST = 8 << 20  # bytes that a process takes whatever its model
_SPARE = 32  # descriptors that no model is given
_V = TypeVar("_V")


class Many:
    """Loads, unloads and watches models until SIGTERM."""

    def __init__(self, chosen: Settings, source: Source, workers: int) -> None:
        self._chosen, self._source, self._workers = chosen, source, workers
        self._limit = memory.limit()
        self._sockets = bind(chosen)
        self._folder = chosen.unix.parent if chosen.unix else Path(tempfile.mkdtemp(prefix="models-"))
        self._models: dict[str, Hosted] = {}
        self._outputs: dict[int, Hosted] = {}
        self._needs: dict[str, int] = {}
        self._gone: dict[str, str] = {}
        self._serial = self._front = self._looks = 0
        self._stopping = False
        self._heard, self._tell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._selector = selectors.DefaultSelector()
        self._channel: socket.socket | None = None

    def run(self) -> None:
        """Serve; raise Ended when the framework cannot be imported."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        if preload := getattr(self._source, "preload", None):
            preload()
        gc.collect()
        if memory.resident(os.getpid()) >= self._limit:
            own = memory.resident(os.getpid()) >> 20
            raise Ended(
                f"The server itself takes {own} MB before any model is loaded, of the {self._limit >> 20} MB "
                f"that there are. Set {memory.SETTING} to more, or take a larger instance type."
            )
        for one in self._sockets:
            one.listen(BACKLOG)
        gc.freeze()  # what is shared stays shared: no collection in a model's process touches it
        self._selector.register(self._heard, selectors.EVENT_READ, self._hear)
        self._selector.register(self._woken, selectors.EVENT_READ, self._wake)
        try:
            while not self._stopping:
                if not self._front:
                    self._open_front()
                self._turn()
        finally:
            self._end()

    def _turn(self) -> None:
        for key, _ in self._selector.select(LOOK_SECONDS):
            key.data()
        self._bury()
        self._watch()

    def _open_front(self) -> None:
        self._close_channel()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._front = front.fork(self._sockets, theirs, self._chosen, self._folder, self._shut)
        theirs.close()
        self._channel = ours
        self._selector.register(ours, selectors.EVENT_READ, self._take)
        where = self._chosen.unix or f"{self._chosen.host}:{self._chosen.port}"
        room = f"{self._limit >> 20} MB for models"
        print(f"Model server ready on {where}: {room}, {self._workers} worker(s) each.", flush=True)

    def _shut(self, own: Hosted | None = None) -> None:
        """Close in a child what is the master's: a socket closes for callers once nobody holds it."""
        self._selector.close()
        for number in (self._heard, self._woken):
            os.close(number)
        if self._channel:
            self._channel.close()
        for held in self._models.values():
            if held is not own:
                held.listener.close()
        for number, held in self._outputs.items():
            if held is not own:
                os.close(number)

    def _take(self) -> None:
        """Do what the front wants."""
        if self._channel is None:
            return
        data = self._channel.recv(1 << 16)
        if not data:
            self._close_channel()
            return
        asked = json.loads(data)
        order = Order(asked["number"], asked.get("name", ""), asked.get("url", ""), asked.get("target", ""))
        doing: dict[str, Callable[[Order], None]] = {
            "load": self._load,
            "unload": self._unload,
            "get": self._get,
            "list": self._list,
        }
        doing[asked["do"]](order)

    def _close_channel(self) -> None:
        """Forget a front that is gone, and whom it wanted answers for."""
        if self._channel:
            self._selector.unregister(self._channel)
            self._channel.close()
            self._channel = None
        for held in self._models.values():
            held.waiting, held.after = [], []

    def _load(self, order: Order) -> None:
        held = self._models.get(order.name)
        if held is None:
            self._begin(order)
        elif held.state == "ready":
            self._reply([order.number], 409, _told(held))
        elif held.state == "loading":
            held.waiting.append(order.number)
        else:
            held.after.append(order)

    def _begin(self, order: Order) -> None:
        if not _is_directory(order.url):
            self._refuse([order.number], 400, f"There is no directory {order.url}.")
            return
        if short := self._short(order.url):
            self._refuse([order.number], 507, short)
            return
        try:
            self._start(order)
        except OSError as wrong:
            text = f"No room: beside the {len(self._models)} models that there are no other starts: {wrong}."
            self._refuse([order.number], 507, text)

    def _start(self, order: Order) -> None:
        """Start the processes of a model, all of them or none."""
        self._keep_spare()
        self._serial += 1
        path = self._folder / f"model-{os.getpid()}-{self._serial}.sock"
        held = Hosted(order, path, self._workers)
        held.memory = self._need(order.url)  # until it can be measured
        self._models[order.name] = held
        try:
            self._selector.register(held.output, selectors.EVENT_READ, lambda: self._copy(held))
            self._outputs[held.output] = held
            held.fork(self._source, self._tell, lambda: self._shut(held))
        except OSError as wrong:
            held.waiting, held.ended = [], f"Its processes could not be started: {wrong}."
            held.dismiss(signal.SIGKILL)
            if not held.pids:
                held.close()
                del self._models[order.name]
            if held.output not in self._outputs:  # otherwise it is read to its end, which is near
                os.close(held.output)
            raise

    def _keep_spare(self) -> None:
        """Raise where another model would take the descriptors that the server itself may come to need."""
        lowest = os.dup(self._woken)  # the lowest that is free
        os.close(lowest)
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if lowest + _SPARE > most:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def _short(self, url: str) -> str:
        """Say why there is no room for another model, if there is none."""
        used, need = self._used(), self._need(url)
        if used + need <= self._limit:
            return ""
        return (
            f"Not enough memory: the model needs about {need >> 20} MB, the server and its "
            f"{len(self._models)} loaded models have {used >> 20} MB of {self._limit >> 20} MB."
        )

    def _need(self, url: str) -> int:
        """Return what a model took the last time, or is taken to need."""
        usual = min((held.at_first for held in self._models.values() if held.at_first), default=_LEAST)
        return self._needs.get(url) or max(memory.size(Path(url)) + _LEAST, usual) * self._workers

    def _used(self) -> int:
        return memory.resident(os.getpid()) + sum(held.memory for held in self._models.values())

    def _loaded(self, held: Hosted) -> None:
        """Answer those who wait for a model, unless it took more memory than there is."""
        held.measure()
        held.at_first = held.memory
        _remember(self._needs, held.url, held.memory)
        if self._used() > self._limit:
            held.ended = (
                f"Not enough memory: the model takes {held.memory >> 20} MB, and with it the server and its "
                f"{len(self._models)} models {self._used() >> 20} MB of {self._limit >> 20} MB."
            )
            self._refuse(held.waiting, 507, held.ended)
            held.waiting = []
            held.dismiss()
            return
        held.state = "ready"
        _remember(self._gone, held.name, "")
        self._reply(held.waiting, 200, _told(held))
        held.waiting = []

    def _unload(self, order: Order) -> None:
        held = self._models.get(order.name)
        if held is None:
            self._absent(order)
            return
        if held.state == "loading":
            self._refuse(held.waiting, 500, f"The model {order.name} was unloaded while it was loading.")
            held.waiting = []
        held.waiting.append(order.number)
        held.ended = held.ended or "unloaded"
        if held.state != "leaving":
            held.dismiss(signal.SIGTERM if held.state == "ready" else signal.SIGKILL)

    def _get(self, order: Order) -> None:
        held = self._models.get(order.name)
        if held is None or held.state != "ready":
            self._absent(order)
        else:
            self._reply([order.number], 200, _told(held))

    def _list(self, order: Order) -> None:
        """Answer with a page of models; the order's name is that of the last one told before."""
        names = sorted(n for n, held in self._models.items() if held.state == "ready" and n > order.name)
        page: dict[str, object] = {"models": [_told(self._models[name]) for name in names[:PAGE]]}
        if len(names) > PAGE:
            page["nextPageToken"] = names[PAGE - 1]
        self._reply([order.number], 200, page)

    def _absent(self, order: Order) -> None:
        ended = self._gone.get(order.name, "")
        text = f"The model {order.name} is not loaded. {ended}".rstrip()
        self._reply([order.number], 404, {"error": text, "ended": ended})

    def _refuse(self, numbers: list[int], status: int, text: str) -> None:
        self._reply(numbers, status, {"error": text})

    def _reply(self, numbers: list[int], status: int, body: dict[str, object]) -> None:
        for number in numbers:
            answer = json.dumps({"number": number, "status": status, "body": body}).encode()
            with contextlib.suppress(OSError):  # a front that is gone is waited for by nobody
                if self._channel:
                    self._channel.send(answer)

    def _hear(self) -> None:
        """Take in how loading went."""
        with contextlib.suppress(BlockingIOError):
            for word in filter(None, os.read(self._heard, 65536).split(b"\0")):
                number, _, said = word[1:].partition(b" ")
                pid = int(number)
                held = next((each for each in self._models.values() if pid in each.pids), None)
                if held is None:
                    continue
                if word[:1] != b"R":
                    held.said = said.decode(errors="replace")
                    held.ended = "memory" if word[:1] == b"M" else held.ended
                    continue
                held.ready.add(pid)
                if len(held.ready) == len(held.pids) and held.state == "loading":
                    self._loaded(held)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)

    def _bury(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._front:
                self._front = 0
                continue
            self._hear()
            held = next((each for each in self._models.values() if pid in each.pids), None)
            if held:
                self._buried(held, pid, status)

    def _buried(self, held: Hosted, pid: int, status: int) -> None:
        """A model whose process ended is no more; the next call loads it again."""
        del held.pids[pid]
        how = ending(status, hung=pid in held.hung, timeout=self._chosen.timeout_seconds)
        if held.state == "loading":
            self._not_loaded(held, status, how)
        elif held.state == "ready":
            held.ended = f"Its process {how}."
            report(f"[{held.target}] Its process {how}. The next call loads the model again.")
        if held.state != "leaving":
            held.dismiss(signal.SIGKILL)
        if held.pids:
            return
        held.close()
        del self._models[held.name]
        _remember(self._gone, held.name, held.ended)
        self._reply(held.waiting, 200, {"modelName": held.name})
        if held.after and not self._stopping:
            first, *others = held.after
            self._load(first)
            for order in others:
                self._load(order)

    def _not_loaded(self, held: Hosted, status: int, how: str) -> None:
        short = held.ended == "memory" or os.waitstatus_to_exitcode(status) == -signal.SIGKILL
        why = held.said or f"The process that loaded it {how}."
        late = time.monotonic() - held.began >= LOAD_SECONDS
        why = f"It took longer than {LOAD_SECONDS:.0f} s." if late else why
        held.ended = why
        text = f"The model {held.target} could not be loaded. {why}"
        self._refuse(held.waiting, 507 if short and not late else 500, text)
        held.waiting = []

    def _watch(self) -> None:
        now = time.monotonic()
        self._looks += 1
        models = list(self._models.values())
        for held in models:
            if held.state == "loading" and now - held.began > LOAD_SECONDS:
                for pid in held.pids:
                    os.kill(pid, signal.SIGKILL)
            for pid, slot in held.stuck(now, self._chosen.timeout_seconds):
                held.hung.add(pid)
                report(f"[{held.target}] Worker {slot} has been in one prediction for too long. It is here:")
                os.kill(pid, signal.SIGUSR1)  # faulthandler prints every thread's stack
                time.sleep(0.1)
                os.kill(pid, signal.SIGKILL)
        loaded = [held for held in models if held.state != "loading"]
        if loaded:
            loaded[self._looks % len(loaded)].measure()
            self._shrink()

    def _shrink(self) -> None:
        """Unload the model that has grown most where all together have come to have too much."""
        models = self._models.values()
        ready = [held for held in models if held.state == "ready"]
        if self._used() <= self._limit or any(held.state == "leaving" for held in models):
            return
        for held in ready:
            held.measure()
        if not ready or self._used() <= self._limit:
            return
        most = max(ready, key=lambda held: held.memory - held.at_first)
        report(
            f"[{most.target}] The models have grown to more than {self._limit >> 20} MB; this one by "
            f"{(most.memory - most.at_first) >> 20} MB. It is unloaded, and loaded again when it is called."
        )
        most.ended = "unloaded"
        most.dismiss()

    def _copy(self, held: Hosted) -> None:
        """Pass on what a model printed, each line with the model's name."""
        lines, more = held.lines()
        if not more:  # taken out before it is closed: the number is soon another's
            self._selector.unregister(held.output)
            del self._outputs[held.output]
            os.close(held.output)
        if lines:
            name = held.target.encode(errors="backslashreplace")
            with contextlib.suppress(OSError):
                sys.stdout.buffer.write(b"".join(b"[%s] %s\n" % (name, line) for line in lines))
                sys.stdout.flush()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _end(self) -> None:
        self._stopping = True
        if self._front:
            os.kill(self._front, signal.SIGTERM)
        for held in list(self._models.values()):
            held.dismiss()
        until = time.monotonic() + DRAIN_SECONDS
        while (self._models or self._front) and time.monotonic() < until:
            self._turn()
        for held in self._models.values():
            held.dismiss(signal.SIGKILL)
        for held in list(self._outputs.values()):
            self._copy(held)
        if self._chosen.unix:
            self._chosen.unix.unlink(missing_ok=True)


def workers(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many processes a model has: one, where nothing else is said."""
    return max(1, int(environment.get("SAGEMAKER_MODEL_SERVER_WORKERS") or 1))


def _is_directory(url: str) -> bool:
    try:
        return Path(url).is_dir()
    except OSError:  # nothing may be called so, or nobody may look there
        return False


def _told(held: Hosted) -> dict[str, object]:
    """Return what the contract says of a loaded model, and where it can be asked without a detour."""
    return {"modelName": held.name, "modelUrl": held.url, "socket": held.path.name}


def _remember(what: dict[str, _V], key: str, value: _V) -> None:
    what.pop(key, None)
    what[key] = value
    if len(what) > _REMEMBERED:
        del what[next(iter(what))]
