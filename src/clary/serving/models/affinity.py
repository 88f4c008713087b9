"""Which of several hosts a model is asked on: the same one as long as it is not much busier than the next."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from clary.serving.connection import Host

BUSIER = 8
"""Calls by which a model's own host may be ahead of the next before that one loads the model too."""


def by_model(hosts: Sequence[Host], target: bytes) -> Host:
    """Return the host of a model; each model has an order of its own, which a new host hardly disturbs."""
    first, second = sorted(hosts, key=lambda host: zlib.crc32(target + b"\0" + host.uid.encode()))[:2]
    return second if first.load > second.load + BUSIER else first
