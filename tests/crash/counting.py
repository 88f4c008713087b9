"""Ten thousand calls, or as many as it takes: each has an input of its own, and who answered is noted."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from typing import Any

import boto3
from botocore.config import Config
from tests.crash.site import Site

CALLS = 10_000


class Counting:
    """Calls an endpoint from several threads until told to stop, and never less often than `CALLS`.

    With `retries` the client is as boto3 makes it; otherwise it asks once, and every failure shows.
    """

    def __init__(self, site: Site, name: str, *, retries: bool = False, callers: int = 4) -> None:
        self.errors: list[str] = []
        self.wrong: list[str] = []
        self.answered: Counter[str] = Counter()  # calls by the version that answered them
        self.retried = 0  # how often the client asked again by itself
        self.late: Counter[str] = Counter()  # those of them that were begun after `settle`
        self._client, self._name = _client(site, retries), name
        self._numbers, self._lock = itertools.count(), threading.Lock()
        self._settled, self._stop = float("inf"), threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(callers)]

    def __enter__(self) -> Counting:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is not None:
            self._numbers = itertools.count(CALLS)  # a test that failed need not go on
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def calls(self) -> int:
        """How many there were."""
        return self.answered.total() + len(self.errors) + len(self.wrong)

    def settle(self) -> None:
        """Say that the change is done: who is asked from now on is told apart."""
        self._settled = time.monotonic()

    def _run(self) -> None:
        while (number := next(self._numbers)) < CALLS or not self._stop.is_set():
            began = time.monotonic()
            try:
                response: Any = self._client.invoke_endpoint(
                    EndpointName=self._name, Body=str(number).encode()
                )
                version, _, echo = response["Body"].read().decode().rpartition(" ")
            except Exception as error:
                self.errors.append(repr(error))
                continue
            with self._lock:
                self.retried += response["ResponseMetadata"]["RetryAttempts"]
                if echo != str(number):
                    self.wrong.append(f"{number} was answered {version} {echo}")
                else:
                    self.answered[version] += 1
                    self.late[version] += began > self._settled


# boto3's clients are typed loosely.
def _client(site: Site, retries: bool) -> Any:
    """Return a client that differs from boto3's own at most in never asking again."""
    once = Config(retries={"total_max_attempts": 1})
    make: Any = boto3.client
    return make("sagemaker-runtime", config=None if retries else once, **site.address())
