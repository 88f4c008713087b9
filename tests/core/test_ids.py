"""Ids are unique, between processes too."""

from __future__ import annotations

import os
import uuid

from clary.core import ids


def test_request_ids_are_random_uuids_that_no_forked_process_repeats() -> None:
    mine = {ids.request_id()}
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os.write(write, "".join(ids.request_id() for _ in range(40)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    told = os.read(read, 36 * 40).decode()
    theirs = {told[at : at + 36] for at in range(0, len(told), 36)}
    mine |= {ids.request_id() for _ in range(1000)}
    assert (len(mine), len(theirs), mine & theirs) == (1001, 40, set())
    assert all(uuid.UUID(each).version == 4 and str(uuid.UUID(each)) == each for each in mine)
    os.close(read)
    os.close(write)
