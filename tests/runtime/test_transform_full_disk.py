"""A transform whose disk takes no more: its driver says so, and what it had finished by then stays whole."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from tests.runtime.transformed import Answer, prepare, serving

from clary.runtime.transform.ledger import finished, folder

FILES = {"a": b"1", "b": b"2", "c": b"3"}
LINE = len('["a", "0.out"]\n')


def limited(root: Path, limit: int, answer: bytes) -> tuple[str, dict[str, bytes]]:
    """Run the driver where no file may have more than `limit` bytes; return its last words and its outputs.

    A write that would go over it is cut short, and the next one fails: as on a full disk.
    """
    job = prepare(root, FILES, payload_mb=1, concurrency=1, strategy="MultiRecord")

    def model(body: bytes) -> Answer:
        return 200, body + answer

    with serving(root, model):
        done = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-B", "-m", "clary.runtime.transform.driving", str(job.path), str(root / "s")],
            capture_output=True,
            text=True,
            check=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )
    outputs = {name: path.read_bytes() for name, path in finished(folder(job)).items()}
    assert {each.name for each in folder(job).iterdir()} <= {"index.jsonl", "0.out", "1.out", "2.out"}
    assert len([*folder(job).glob("*.out")]) == len(outputs)
    return done.stdout.strip(), outputs


@pytest.mark.parametrize("size", [5 * LINE, 1 << 20])
def test_an_output_that_the_disk_does_not_take_fails_its_object_with_the_reason(
    root: Path, size: int
) -> None:
    words, outputs = limited(root, 4 * LINE, b"x" * size)
    assert words == (
        "InternalServerError: box/in/a: what the algorithm answered could not be written down: File too "
        "large (3 objects failed.)"
    )
    assert not outputs


def test_a_line_of_the_ledger_that_does_not_fit_is_taken_back(root: Path) -> None:
    words, outputs = limited(root, LINE + 5, b"")
    assert words.startswith("InternalServerError: box/in/b: what the algorithm answered could not be written")
    assert words.endswith("(2 objects failed.)")
    assert outputs == {"a": b"1"}
    assert (root / "run" / "transformed" / "index.jsonl").read_bytes() == b'["a", "0.out"]\n'


def test_a_driver_that_can_write_nothing_says_so_all_the_same(root: Path) -> None:
    job = prepare(root, FILES)
    folder(job).mkdir()
    (folder(job) / "index.jsonl").symlink_to("/dev/full")
    with serving(root, lambda body: (200, body)):
        line = [sys.executable, "-m", "clary.runtime.transform.driving", str(job.path), str(root / "s")]
        done = subprocess.run(line, capture_output=True, text=True, check=True)  # noqa: S603 - our own module
    assert done.stdout.startswith("InternalServerError: box/in/a: what the algorithm answered could not be ")
    assert (
        "No space left on device. Free some space under CLARY_HOME, and create the job again" in done.stdout
    )
    (folder(job) / "index.jsonl").unlink()
    (folder(job) / "index.jsonl").mkdir()
    done = subprocess.run(line, capture_output=True, text=True, check=True)  # noqa: S603 - our own module
    assert done.stdout.startswith(
        "InternalServerError: what the algorithm answered could not be written down:"
    )
