"""Sends the objects of one transform run to its model server and writes the answers down.

`python -m clary.runtime.transform.driving DIRECTORY SOCKET`, a child of the shim that dies with it, with the
standard library only. Its last words on standard output are `done`, or whose fault it was and why.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import itertools
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from clary.core.document import Document
from clary.core.received import Received, TooMuch
from clary.runtime.jobdir import JobDirectory, now_text
from clary.runtime.place import held
from clary.runtime.spec import Item, Transform
from clary.runtime.transform.calling import Answer, Caller, Late, NoAnswer, parameters
from clary.runtime.transform.driver import DONE
from clary.runtime.transform.ledger import Ledger, folder
from clary.runtime.transform.processing import DataError, Processing
from clary.runtime.transform.splitting import LARGEST_MB, InputError, batches, chunks, open_object, whole

PAYLOAD_MB, CONCURRENCY, STRATEGY = 6, 1, "MULTI_RECORD"
_AHEAD = 2  # batches that wait for each request under way
_TURNS = 8  # requests that each of those concurrent gets of one object, where they may be smaller
_SMALLEST = 1 << 18  # bytes; of smaller ones the server's own work for a request would be felt
_PAUSE, _LONGEST_PAUSE = 0.2, 5.0  # seconds before the next try
_WORDS = 600  # characters of what the model says in a reason
_AGAIN = frozenset({408, 425, 429}) | frozenset(range(500, 600))
_ROWS = (
    1_000_000  # between two looks for garbage: to look through rows again and again takes twice their time
)
_PR_SET_PDEATHSIG = 1


_SILENT = "AlgorithmError: Model server did not respond to /invocations request"
_UNWRITTEN = "what the algorithm answered could not be written down"
_ROOM = "Free some space under CLARY_HOME, and create the job again"


class Fault(Exception):
    """Why an object has no output; the text begins with whose fault it is."""


class _Again(Fault):
    """Why a request has no answer that another try may have."""


@dataclass(frozen=True)
class Limits:
    """How the server is used: the job's own words, else the server's, else the defaults."""

    concurrency: int
    payload_mb: int
    strategy: str
    exact: bool = True  # the payload is the job's own word

    def aim(self, size: int) -> int:
        """Return how large an object's requests are to be: what the job allows, or else a few a worker."""
        most = self.payload_mb << 20
        return most if self.exact else min(most, max(_SMALLEST, size // (_TURNS * self.concurrency)))

    @classmethod
    def settle(cls, job: Transform, told: Document) -> Limits:
        """Return what holds; of what the server says, no more than a job could ask for."""
        strategy = {"SingleRecord": "SINGLE_RECORD", "MultiRecord": STRATEGY}.get(job.strategy or "")
        payload, wanted = job.payload_mb, job.concurrency
        if payload is None:
            payload = min(_number(told, "MaxPayloadInMB", PAYLOAD_MB), max(1, LARGEST_MB // (wanted or 1)))
        if not wanted:
            most = LARGEST_MB // (payload or 1)
            wanted = min(_number(told, "MaxConcurrentTransforms", CONCURRENCY) or CONCURRENCY, most)
        exact = job.payload_mb is not None
        return cls(wanted, payload, strategy or str(told.get("BatchStrategy", STRATEGY)), exact)


@dataclass
class Object:
    """An object on its way: its batches go out, and come back in their order."""

    number: int
    item: Item
    draft: IO[bytes]
    fault: str = ""


Work = tuple[Object, "Future[bytes | Received] | None"]
"""A batch on its way, or the end of an object."""


class Driving:
    """One run of a transform."""

    def __init__(self, job: JobDirectory, socket: Path) -> None:
        transform = job.spec().transform
        if transform is None:
            raise ValueError(f"{job.path} is no transform")
        self._job, self._transform, self._socket = job, transform, socket
        self._processing = Processing(transform)
        self._local = threading.local()
        self._answers = itertools.count()
        self._most = LARGEST_MB << 20  # bytes of an answer that are held in memory
        self._log = job.data_log.open("ab", buffering=0)
        self._faults: list[str] = []

    def run(self) -> str:
        """Send everything; return the last words."""
        asks = (
            None in (self._transform.payload_mb, self._transform.strategy) or not self._transform.concurrency
        )
        limits = Limits.settle(self._transform, parameters(self._socket) if asks else {})
        self._say(
            f"MaxConcurrentTransforms={limits.concurrency}, MaxPayloadInMB={limits.payload_mb}, "
            f"BatchStrategy={limits.strategy}"
        )
        self._most //= limits.concurrency
        ledger = Ledger(folder(self._job))
        under_way: deque[Work] = deque()
        with ThreadPoolExecutor(limits.concurrency) as pool:
            for work in self._work(pool, limits, ledger):
                under_way.append(work)
                while len(under_way) > limits.concurrency * _AHEAD:
                    self._take(under_way.popleft(), ledger)
            while under_way:
                self._take(under_way.popleft(), ledger)
        ledger.close()
        if not self._faults:
            return DONE
        more = f" ({len(self._faults)} objects failed.)" if len(self._faults) > 1 else ""
        return self._faults[0] + more

    def _work(self, pool: ThreadPoolExecutor, limits: Limits, ledger: Ledger) -> Iterator[Work]:
        for number, item in enumerate(self._transform.items):
            one = Object(number, item, ledger.draft(number))
            path = held(self._job, item.source)
            try:
                if limits.payload_mb == 0 and not self._processing.reads:
                    yield one, pool.submit(self._stream, path)
                    yield one, None
                    continue
                with open_object(path, gunzip=self._transform.gunzip) as file:
                    for batch in self._batches(file, path.stat().st_size, limits):
                        if one.fault:
                            break
                        yield one, pool.submit(self._send, batch)
                        del batch
            except (InputError, OSError) as error:
                one.fault = one.fault or f"ClientError: {error}"
            yield one, None

    def _batches(self, file: BinaryIO, size: int, limits: Limits) -> Iterable[bytes]:
        if limits.payload_mb == 0:
            return [whole(file)]
        single, most = limits.strategy == "SINGLE_RECORD", limits.payload_mb << 20
        return batches(file, self._transform.split, most, single=single, aim=limits.aim(size))

    def _take(self, work: Work, ledger: Ledger) -> None:
        one, future = work
        if future is not None:
            self._write(one, future)
        elif one.fault:
            ledger.discard(one.number, one.draft)
            self._blame(one)
        else:
            try:
                ledger.finish(one.number, one.item.name, one.draft)
            except OSError as error:
                one.fault = _unwritten(error)
                self._blame(one)

    def _write(self, one: Object, future: Future[bytes | Received]) -> None:
        """Add what came of a batch to its object's output."""
        try:
            result = future.result()
        except Fault as fault:
            one.fault = one.fault or str(fault)
            return
        try:
            if isinstance(result, bytes):
                one.draft.write(b"" if one.fault else result)
            elif not one.fault:
                result.copy(one.draft)
                one.draft.write(self._missing(result.end()))
        except OSError as error:
            one.fault = _unwritten(error)
        finally:
            if isinstance(result, Received):
                result.discard()

    def _send(self, batch: bytes) -> bytes | Received:
        """Send one batch, as often as is allowed, and return what it adds to the output."""
        try:
            asked = self._processing.request(batch)
            return self._result(batch, self._answer(lambda: asked))
        except DataError as error:
            raise Fault(f"ClientError: {error}") from error

    def _stream(self, path: Path) -> bytes | Received:
        """Send a whole object piece by piece; each try begins at its beginning."""
        with open_object(path, gunzip=self._transform.gunzip) as file:

            def pieces() -> Iterable[bytes]:
                file.seek(0)
                return chunks(file)

            try:
                return self._result(b"", self._answer(pieces))
            except (InputError, DataError) as error:
                raise Fault(f"ClientError: {error}") from error

    def _result(self, batch: bytes, answer: Received) -> bytes | Received:
        if not self._processing.writes:
            return answer
        result = self._processing.result(batch, answer.start(self._most))
        return result + self._missing(result[-1:])

    def _answer(self, body: Callable[[], bytes | Iterable[bytes]]) -> Received:
        fault = ""
        for tried in range(self._transform.retries + 1):
            if tried:
                time.sleep(min(_PAUSE * 2 ** (tried - 1), _LONGEST_PAUSE))
            try:
                return self._asked(body())
            except _Again as again:
                fault = str(again)
        raise Fault(fault)

    def _asked(self, body: bytes | Iterable[bytes]) -> Received:
        """Ask once. What is filtered or joined has to fit into memory, anything else goes on to the disk."""
        transform, most = self._transform, self._most
        headers = {"Content-Type": transform.content_type, "Accept": transform.accept}
        named = {name: value for name, value in headers.items() if value}
        path = folder(self._job) / f"{next(self._answers)}.answer"
        into = Received(path, most, most if self._processing.writes else None)
        kept = False
        try:
            answer = self._caller().post("/invocations", body, named, into)
            if answer.status >= 300:
                raise _refused(answer, into)
            kept = True
            return into
        except Late as error:
            raise _Again(f"{_SILENT}: {error}, which is InvocationsTimeoutInSeconds") from error
        except NoAnswer as error:
            time.sleep(_PAUSE)  # should the container have ended, its shim knows better why
            raise _Again(f"AlgorithmError: Unable to get response from algorithm: {error}") from error
        except TooMuch as error:
            raise Fault(
                f"AlgorithmError: The algorithm answered more than {most >> 20} MB to one request, and what "
                "is filtered or joined is held in memory. Lower MaxPayloadInMB or MaxConcurrentTransforms, "
                "or leave DataProcessing out"
            ) from error
        except OSError as error:
            raise Fault(_unwritten(error)) from error
        finally:
            if not kept:
                into.discard()

    def _caller(self) -> Caller:
        if not hasattr(self._local, "caller"):
            self._local.caller = Caller(self._socket, self._transform.timeout)
        found: Caller = self._local.caller
        return found

    def _missing(self, end: bytes) -> bytes:
        """Return what a batch's result, ending with a byte, lacks by AssembleWith."""
        return b"\n" if self._transform.lines and end != b"\n" else b""

    def _blame(self, one: Object) -> None:
        where = one.item.uri.removeprefix("s3://")
        blame, _, why = one.fault.partition(": ")
        self._faults.append(f"{blame}: {where}: {' '.join(why.split())}")
        for line in why.splitlines():
            self._say(f"{where}: {line}")

    def _say(self, words: str) -> None:
        with contextlib.suppress(OSError):  # on a full disk; the last words say what matters
            self._log.write(f"{now_text()[:23]}:[sagemaker logs]: {words}\n".encode())


def main(arguments: list[str]) -> int:
    """Drive one run, as long as its shim lives."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        return 0
    gc.set_threshold(_ROWS)
    directory, socket = arguments
    try:
        words = Driving(JobDirectory(Path(directory)), Path(socket)).run()
    except OSError as error:
        traceback.print_exc()
        words = _unwritten(error)
    os.write(sys.stdout.fileno(), words[: _WORDS * 2].encode()[: 1 << 14] + b"\n")
    return 0


def _unwritten(error: OSError) -> str:
    """Say that the disk did not take something, and how it would."""
    cure = f". {_ROOM}" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return f"InternalServerError: {_UNWRITTEN}: {error.strerror}{cure}"


def _refused(answer: Answer, body: Received) -> Fault:
    words = body.start(1 << 14).decode(errors="replace").strip()
    said = words if len(words) <= _WORDS else f"{words[: _WORDS // 2]} … {words[-_WORDS // 2 :]}"
    whose = "ClientError" if answer.status < 500 else "AlgorithmError"
    kind = _Again if answer.status in _AGAIN else Fault
    return kind(f"{whose}: Bad HTTP status received from algorithm: {answer.status}\nMessage:\n{said}")


def _number(told: Document, name: str, default: int) -> int:
    value = told.get(name, default)
    return value if isinstance(value, int) and value >= 0 else default


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
