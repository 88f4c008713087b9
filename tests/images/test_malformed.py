"""A body that is not as its type says is refused in words, never unpickled, and spoils no other's answer."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from toolkit.algorithm.serving import Rows
from toolkit.server.board import Board
from toolkit.server.messages import Answer, Refused, Request
from toolkit.server.worker import Place, guarded

from toolkit import content, rows

NPY, NPZ, JSON, LIBSVM = "application/x-npy", "application/x-npz", "application/json", "text/libsvm"
RECORDIO = "application/x-recordio-protobuf"


class Trap:
    """What a pickle would build."""

    sprung = False

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return (_spring, ())


def _spring() -> None:
    Trap.sprung = True


def npy(header: str) -> bytes:
    """Return an array file that is only its header."""
    raw = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(raw)) + raw


def pickled(kind: str) -> bytes:
    """Return an array of objects, as numpy writes one when it is allowed to."""
    made, array = io.BytesIO(), np.array([Trap()], object)
    np.save(made, array, allow_pickle=True) if kind == NPY else np.savez(made, array)
    return made.getvalue()


def bomb() -> bytes:
    """Return an archive whose array says to be larger than any memory."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("arr_0.npy", b"x" * 100)
    return made.getvalue().replace(struct.pack("<I", 100), struct.pack("<I", 0xF0000000))


MALFORMED = {
    "pickled": (NPY, pickled(NPY), "pickled Python objects, which are never unpickled. Send an array of"),
    "pickled-archive": (NPZ, pickled(NPZ), "pickled Python objects, which are never unpickled"),
    "only-pickle": (NPY, b"\x80\x04N.", "pickled Python objects, which are never unpickled"),
    "giant": (NPY, npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}"), "TiB"),
    "cut-off": (NPY, npy("{'descr': '<f8', 'fortran_order': False, 'shape': (9,)}"), ""),
    "code": (NPY, npy("__import__('os').abort()"), "malformed"),
    "unended": (NPY, npy("{'descr': '<f8', 'shape': ("), ""),
    "no-archive": (NPZ, b"PK\x03\x04 and no more", "not a zip file"),
    "empty-archive": (NPZ, b"PK\x05\x06" + bytes(18), "holds no array"),
    "bomb": (NPZ, bomb(), "bytes when unpacked, of at most 1073741824. Send it in parts"),
    "deep": (JSON, b"[" * 100_000, "recursion"),
    "no-json": (JSON, b"{", "Expecting property name"),
    "libsvm": (LIBSVM, b"0 a:b", "invalid literal"),
    "csv": ("text/csv", b"1,2\n3\n", "columns; all must have the same"),
    "no-rows": ("text/csv", b"\n", "there are no rows"),
    "records": (RECORDIO, b"\x00" * 40, "no RecordIO magic number at byte 0"),
}
BUILT_IN = {name: each for name, each in MALFORMED.items() if each[0] not in (NPY, NPZ)}
BUILT_IN |= {
    "number": (JSON, b"[[" + b"9" * 400 + b"]]", "too large"),
    "ragged": (JSON, b"[[1, 2], [3]]", "inhomogeneous"),
    "null": (JSON, b"null", "NoneType"),
    "key": (JSON, b'{"rows": []}', "instances"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_script_s_default_reader_refuses_it(name: str) -> None:
    kind, body, says = MALFORMED[name]
    with pytest.raises(Refused, match=f"^The body is not {kind}: .*{says}") as refused:
        content.decode(body, kind)
    assert refused.value.status == 415
    assert not Trap.sprung


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_algorithm_refuses_it(name: str) -> None:
    kind, body, says = BUILT_IN[name]
    with pytest.raises(Refused, match=says) as refused:
        rows.read(Request(body, kind))
    assert refused.value.status == 415
    assert "please ensure data is in" in refused.value.text


class Wary:
    """Refuses every call that has a negative number."""

    width, sparse, root = 1, False, "predictions"

    def predict(self, features: Any, accept: str) -> dict[str, NDArray[np.generic]]:
        if (features < 0).any():
            raise Refused(400, "A number is negative.")
        return {"score": features[:, 0]}


def test_one_bad_row_spoils_no_answer_of_the_same_turn() -> None:
    sent = [b"1", b"-1", b"[" * 100_000, b"2"]
    kinds = ["text/csv", "text/csv", JSON, "text/csv"]
    asked = [Request(body, kind, "text/csv") for body, kind in zip(sent, kinds, strict=True)]
    told = Rows(Wary()).answer(asked)
    assert [(each.status, each.body[:21]) for each in told] == [
        (200, b"1.0\n"),
        (400, b"A number is negative."),
        (415, b"Loading json data fai"),
        (200, b"2.0\n"),
    ]


class Raises:
    """Raises over one of the requests, whoever else is asked for with it."""

    together = True

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        return [Answer(200, JSON, json.dumps(1 / int(request.body)).encode()) for request in requests]


def test_one_request_that_makes_a_model_raise_costs_no_other_of_the_same_turn() -> None:
    board = Board(1)
    answer = guarded(Raises(), Place(0, board, (), 1, lambda: None))
    told = answer([Request(b"1"), Request(b"0"), Request(b"4")])
    assert [(each.status, each.body) for each in told] == [
        (200, b"1.0"),
        (500, b"ZeroDivisionError: division by zero"),
        (200, b"0.25"),
    ]
    assert board.busy_seconds(0, 1e12) == 0
