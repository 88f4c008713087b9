"""`distributed` as scripts import it: hosts find out who has data, and those train together."""

from __future__ import annotations

import importlib
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from sagemaker_xgboost import collective

PATIENCE = 900.0  # seconds that a host's name may take to be known
_LOOKS = 0.1


def wait_hostname_resolution(sm_hosts: Sequence[str]) -> None:
    """Wait until every host is known by its name."""
    until = time.monotonic() + PATIENCE
    for host in sm_hosts:
        while True:
            try:
                socket.gethostbyname(host)
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(_LOOKS)
            else:
                break


def rabit_run(
    exec_fun: Callable[..., object],
    args: dict[str, Any],
    include_in_training: bool,
    hosts: Sequence[str],
    current_host: str,
    first_port: int | None = None,
    second_port: int | None = None,
    update_rabit_args: bool = False,
) -> None:
    """Call a function on every host that takes part; `xgboost.train` in it works on the rows of all of them.

    With `update_rabit_args` it is also given `is_master`, true on one host. A host that takes no part ends
    here, with exit code 0.
    """
    import xgboost

    importlib.import_module("xgboost.tracker")  # XGBoost does not load it by itself
    everyone, port = sorted(hosts), first_port or collective.PORT
    told = collective.told_by_all(xgboost, everyone, current_host, [int(include_in_training)], port)
    taking = [host for host, (takes,) in zip(everyone, told, strict=True) if takes]
    if not include_in_training:
        print(f"{current_host} leaves the training to {', '.join(taking) or 'nobody'}", flush=True)
        sys.exit(0)
    leads = {"is_master": current_host == taking[0]} if update_rabit_args else {}
    if len(taking) == 1:
        exec_fun(**args, **leads)
        return
    with collective.joined(xgboost, taking, current_host, second_port or port + 1):
        exec_fun(**args, **leads)
