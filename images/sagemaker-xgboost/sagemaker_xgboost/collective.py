"""Several hosts train one model: XGBoost's own collective, which the first of them brings together
(docs/evidence/several-hosts.md says which ports, and who takes part)."""

from __future__ import annotations

import socket
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

PORT = 9099  # of the first host, at which all meet; those that have data meet again at the next one
PATIENCE = 600.0  # seconds that hosts wait for the first one: its data may take longer to read


@contextmanager
def joined(xgboost: Any, hosts: Sequence[str], host: str, port: int) -> Iterator[int]:
    """Be one of several workers; give this one's rank, which is its place among the hosts."""
    address = socket.gethostbyname(hosts[0])
    told: dict[str, str | int] = {"dmlc_tracker_uri": address, "dmlc_tracker_port": port}
    tracker = None
    if host == hosts[0]:
        tracker = xgboost.tracker.RabitTracker(
            n_workers=len(hosts), host_ip=address, port=port, sortby="task"
        )
        tracker.start()
        told = tracker.worker_args()
    _init(xgboost, {**told, "dmlc_task_id": f"{hosts.index(host):04d}", "dmlc_retry": 1})
    yield int(xgboost.collective.get_rank())  # after a mistake the process ends, and with it its part in this
    xgboost.collective.finalize()
    if tracker is not None:
        tracker.wait_for()  # the others say goodbye to it


def told_by_all(
    xgboost: Any, hosts: Sequence[str], host: str, facts: Sequence[int], port: int = PORT
) -> list[list[int]]:
    """Return what each host knows, in the order of the hosts."""
    table = np.zeros((len(hosts), len(facts)), dtype=np.int64)
    table[hosts.index(host)] = facts
    with joined(xgboost, hosts, host, port):
        summed = xgboost.collective.allreduce(table.ravel(), xgboost.collective.Op.SUM)
    return [[int(fact) for fact in row] for row in summed.reshape(table.shape)]


def any_of_all(xgboost: Any, claim: bool) -> bool:
    """Tell every worker whether one of them says so."""
    said = xgboost.collective.allreduce(np.array([int(claim)]), xgboost.collective.Op.MAX)
    return bool(said[0])


def _init(xgboost: Any, arguments: dict[str, str | int]) -> None:
    """Meet the others; the first host may not be there yet."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            with warnings.catch_warnings(action="ignore"):  # each try that comes too early is worth one
                xgboost.collective.init(**arguments)
        except xgboost.core.XGBoostError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
