"""One-row predictions through Clary's signed API beside the Python serving frameworks: same run, same models.

Everyone has one worker. All servers stand at once and take their turns, round by round; who is not asked is
stopped where that does no harm. A peer that can batch is first tried both ways at each load and then timed in
its better one; a peer's answers must be the model's own before it is timed. With `--write`, the page that
`serving_page` keeps is written.
"""

from __future__ import annotations

import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contestants import FLOOR, PEER_LIST, PLAIN, Peer, Read, number
from benchmarks.harness import ROOT, Figure, load_average, median, percentile
from benchmarks.load import Check, Load, drive
from benchmarks.processes import Marked, cpu
from benchmarks.serving_clary import SERVED, Ours, ours
from benchmarks.serving_models import Models, interpreter, models
from benchmarks.serving_page import CALLERS, OURS, ROUNDS, SECONDS, Cell, LeftOut, Started, compared

TRIAL = 0.5
"""Seconds in which a setting is tried, and everybody warms up."""
PATIENCE = 180.0
TRIES, SETTLE = 4, 1.0
CLOSE = 1e-4
"""How far an answer may be from the model's own: servers write numbers with different precision."""


@dataclass(frozen=True)
class Contestant:
    """A server that stands with one model: how to ask it, by setting, and all that it runs."""

    name: str
    version: str
    port: int
    requests: Mapping[str, Sequence[bytes]]
    reads: Mapping[str, Read]
    server: Marked | Ours
    ready: float
    pauses: bool

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Let a peer that bears it run only as long as this."""
        if isinstance(self.server, Ours) or not self.pauses:
            yield
            return
        self.server.resume()
        try:
            yield
        finally:
            self.server.pause()


@dataclass(frozen=True)
class Round:
    """One turn: what the generator measured, and the server's CPU seconds a request."""

    load: Load
    cpu: float


class NotStarted(Exception):
    """A peer does not run here."""


class Fell(Exception):
    """A server that stood does not answer any more."""


class WrongAnswer(Exception):
    """A server answers what the model does not."""


def run(names: Sequence[str] = (), only: Sequence[str] = tuple(SERVED)) -> list[Figure]:
    """Have each model served by everybody (or by those named), and measure them in turn."""
    told = Figure(name="load average before", value=float(load_average()), unit="")
    wanted = [FLOOR, *(peer for peer in PEER_LIST if not names or peer.name in names)]
    for peer in wanted:
        interpreter(peer.lock)
    cells: list[Cell] = []
    missing: dict[str, str] = {}
    ready: dict[tuple[str, str], list[float]] = {}
    with models() as served:
        for model in only:
            with _standing(wanted, served, model, missing) as standing:
                for each in standing:
                    ready.setdefault((each.name, each.version), []).append(each.ready)
                cells += _measured(standing, served, model, missing)
    begun = [
        Started(name=f"{name} ready after", value=median(taken), unit="s", server=name, version=version)
        for (name, version), taken in ready.items()
    ]
    absent = [LeftOut(name=name, value=0, unit="rows", floor=reason) for name, reason in missing.items()]
    return [told, *begun, *absent, *cells, *compared(cells)]


@contextmanager
def _standing(
    wanted: Sequence[Peer], served: Models, model: str, missing: dict[str, str]
) -> Iterator[list[Contestant]]:
    """Start everybody, one after the other; who cannot be started is left out, and the reason kept."""
    with ExitStack() as stack:
        found = []
        for peer in wanted:
            try:
                found.append(stack.enter_context(_peer(peer, served, model)))
            except NotStarted as error:
                missing[peer.name] = str(error).strip().splitlines()[-1]
                print(f"{peer.name} is left out: {error}", file=sys.stderr)
        found.append(stack.enter_context(_ours(served, model)))
        yield found


def _measured(
    standing: list[Contestant], served: Models, model: str, missing: dict[str, str]
) -> Iterator[Cell]:
    """Measure all at every load: the answers, then the better setting of each, then in turn."""
    for each in list(standing):
        with _or_without(standing, each, missing), each.awake():
            for setting in each.requests:
                _verify(each, served.answers[model], setting)
    for callers in CALLERS:
        chosen: dict[str, str] = {}
        for each in list(standing):
            with _or_without(standing, each, missing):
                chosen[each.name] = _better(each, callers)
        rounds: dict[str, list[Round]] = {}
        for turn in range(ROUNDS):
            for each in [*standing[turn:], *standing[:turn]]:
                with _or_without(standing, each, missing), each.awake():
                    taken = _round(each, chosen[each.name], callers, SECONDS)
                    rounds.setdefault(each.name, []).append(taken)
        for each in standing:
            setting = chosen[each.name] if len(each.requests) > 1 else ""
            cell = _cell(each.name, model, callers, rounds[each.name], setting)
            print(_line(cell), flush=True)
            yield cell


@contextmanager
def _or_without(standing: list[Contestant], each: Contestant, missing: dict[str, str]) -> Iterator[None]:
    """Go on without a peer that fell; without Clary, or with a wrong answer, nothing goes on."""
    try:
        yield
    except Fell as error:
        if isinstance(each.server, Ours):
            raise
        print(f"{error}; it is left out from here on", file=sys.stderr)
        missing[each.name] = str(error)
        standing.remove(each)


def _line(figure: Figure) -> str:
    return f"{figure.name:<40} {figure.value:8,.0f} {figure.unit}  {figure.floor}"


def _cell(name: str, model: str, callers: int, rounds: Sequence[Round], setting: str) -> Cell:
    def middle(percent: float) -> float:
        return median([percentile(each.load.seconds, percent) for each in rounds]) * 1000

    spent = sum(each.load.cpu for each in rounds) / sum(len(each.load.seconds) for each in rounds)
    return Cell(
        name=f"{model}, {callers} callers, {name}",
        value=median([each.load.rate for each in rounds]),
        unit="/s",
        server=name,
        model=model,
        callers=callers,
        p50=middle(50),
        p99=middle(99),
        cpu=median([each.cpu for each in rounds]) * 1e6,
        generator=spent * 1e6,
        setting=setting,
    )


def _better(contestant: Contestant, callers: int) -> str:
    """Return the setting that answers more requests at this load; try the only one too, to warm it up."""
    with contestant.awake():
        rates = {each: _round(contestant, each, callers, TRIAL).load.rate for each in contestant.requests}
    return max(rates, key=rates.__getitem__)


def _round(contestant: Contestant, setting: str, callers: int, seconds: float) -> Round:
    processes = contestant.server.processes()
    before = cpu(processes)
    load = _driven(contestant, contestant.requests[setting], callers, seconds)
    after = cpu({*processes, *contestant.server.processes()})
    return Round(load, (after - before) / max(1, len(load.seconds)))


def _driven(
    contestant: Contestant, asked: Sequence[bytes], callers: int, seconds: float, check: Check | None = None
) -> Load:
    """Ask; a peer that hangs up, as Ray Serve's proxy does now and then after a pause, is asked again."""
    tries = 1 if isinstance(contestant.server, Ours) else TRIES
    for left in reversed(range(tries)):
        try:
            return drive(contestant.port, asked, callers=callers, seconds=seconds, check=check)
        except (OSError, RuntimeError) as error:
            told = f"{contestant.name}, {callers} callers: {error}"
            if not left:
                raise Fell(told) from error
            print(f"{told}; asking again", file=sys.stderr)
            time.sleep(SETTLE)
    raise AssertionError("there is a last try")


def _verify(contestant: Contestant, answers: Sequence[float], setting: str) -> None:
    """Compare the answers to all rows with the model's own, asked for at once so that batches form."""
    asked = contestant.requests[setting]
    expected = dict(zip(asked, answers, strict=True))
    checked: set[bytes] = set()

    def check(request: bytes, body: bytes) -> None:
        told, truth = contestant.reads[setting](body), expected[request]
        if abs(told - truth) > CLOSE * max(1.0, abs(truth)):
            raise WrongAnswer(f"{contestant.name}, {setting}: {told} where the model says {truth}")
        checked.add(request)

    until = time.monotonic() + PATIENCE
    while (left := [each for each in asked if each not in checked]) and time.monotonic() < until:
        _driven(contestant, left, 16, 0.1, check)
    if left:
        raise Fell(f"{contestant.name}, {setting}: {len(left)} of {len(asked)} rows not answered")


@contextmanager
def _ours(served: Models, model: str) -> Iterator[Contestant]:
    begun = time.perf_counter()
    with ours(served, model) as clary:
        asked = clary.requests(served)
        _answered(clary.clary.port, asked[0], lambda: True)
        taken = time.perf_counter() - begun
        yield Contestant(OURS, "", clary.clary.port, {PLAIN: asked}, {PLAIN: number}, clary, taken, False)


@contextmanager
def _peer(peer: Peer, served: Models, model: str) -> Iterator[Contestant]:
    """Start a peer, wait until it answers in every setting, and let it rest."""
    port = _free_port()
    requests = {setting: peer.requests(setting, model, served, port) for setting in peer.settings}
    known = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **peer.environment}
    with tempfile.TemporaryDirectory(prefix="clary-bench-") as name:
        folder = Path(name)
        begun = time.perf_counter()
        running = Marked(peer.program, peer.line(served, port, model), known, folder / "log", folder)
        try:
            for asked in requests.values():
                _answered(port, asked[0], running.alive)
            taken = time.perf_counter() - begun
            if peer.pauses:
                running.pause()
            reads = {setting: asked.read for setting, asked in peer.settings.items()}
            yield Contestant(peer.name, peer.version(), port, requests, reads, running, taken, peer.pauses)
        except NotStarted as error:
            raise NotStarted(f"{error}; it said: {running.said()}") from error
        finally:
            running.stop()


def _answered(port: int, request: bytes, alive: Callable[[], bool]) -> None:
    """Wait until a request is answered with 200."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if not alive():
            raise NotStarted("it ended")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            line.sendall(request)
            if line.recv(1 << 16).startswith(b"HTTP/1.1 200"):
                return
        time.sleep(0.02)
    raise NotStarted(f"no answer within {PATIENCE:.0f} s")


def _free_port() -> int:
    """Return a port whose next one is free as well."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port: int = first.getsockname()[1]
            with suppress(OSError), socket.create_server(("127.0.0.1", port + 1)):
                return port
