"""Draws pictures, writes them as files, records and lists, and trains image classification on them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from image_classification import recordio
from numpy.typing import NDArray
from tests.images.algorithm import Algorithm

Pixels = NDArray[np.uint8]
IMAGE = "image-classification"
NEEDED: dict[str, Any] = {"num_classes": 2, "num_training_samples": 24}
QUICK: dict[str, Any] = NEEDED | {
    "num_layers": 20,
    "image_shape": "3,16,16",
    "epochs": 12,
    "mini_batch_size": 8,
    "learning_rate": 0.05,
}
RECORDIO, PICTURES = "application/x-recordio", "application/x-image"


def png(picture: Pixels) -> bytes:
    """Write a picture as a PNG file."""
    high, wide, channels = picture.shape
    rows = b"".join(b"\0" + row.tobytes() for row in picture)
    head = struct.pack(">IIBBBBB", wide, high, 8, 2 if channels == 3 else 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def picture(label: int, number: int, size: int = 16) -> Pixels:
    """Draw noise that is redder or bluer by its label."""
    drawn = np.random.default_rng((label, number)).integers(0, 120, (size, size, 3))
    drawn[:, :, 2 * label] += 120
    return drawn.astype(np.uint8)


def drawn(count: int, size: int = 16, begin: int = 0) -> list[tuple[int, bytes]]:
    """Return labels and pictures in turn."""
    return [(number % 2, png(picture(number % 2, begin + number, size))) for number in range(count)]


def record(labels: Sequence[float], body: bytes) -> bytes:
    """Write a record as MXNet does."""
    many = len(labels) > 1
    head = struct.pack("<IfQQ", len(labels) if many else 0, 0.0 if many else labels[0], 0, 0)
    whole = head + (struct.pack(f"<{len(labels)}f", *labels) if many else b"") + body
    return cut(whole)


def cut(whole: bytes) -> bytes:
    """Write bytes as a record, in parts where they have the magic number."""
    magic = struct.pack("<I", recordio.MAGIC)
    parts = whole.split(magic)
    kinds = [0] if len(parts) == 1 else [1, *[2] * (len(parts) - 2), 3]
    return b"".join(
        magic + struct.pack("<I", kind << 29 | len(part)) + part + bytes(-len(part) % 4)
        for kind, part in zip(kinds, parts, strict=True)
    )


def records(pictures: Iterable[tuple[int, bytes]]) -> bytes:
    return b"".join(record([label], body) for label, body in pictures)


def write(folder: Path, name: str, body: bytes | str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(body if isinstance(body, bytes) else body.encode())


def listed(algorithm: Algorithm, name: str, pictures: Sequence[tuple[int, bytes]]) -> None:
    """Fill a channel with pictures, and its list's channel."""
    lines = []
    for number, (label, body) in enumerate(pictures):
        write(algorithm.container.ml / "input/data" / name, f"some/{number}.png", body)
        lines.append(f"{number}\t{label}\tsome/{number}.png\n")
    write(algorithm.container.ml / "input/data" / f"{name}_lst", f"{name}.lst", "".join(lines))


def train(algorithm: Algorithm, channels: Sequence[str], kind: str = "", **given: object) -> tuple[int, str]:
    """Train with some channels; return the exit code and the log."""
    told = {"TrainingInputMode": "File"} | ({"ContentType": kind} if kind else {})
    texts = {name: str(value) for name, value in given.items()}
    algorithm.container.configure(texts, dict.fromkeys(channels, told))
    return algorithm.container.run("image_classification.train")


def train_list(algorithm: Algorithm, **given: object) -> tuple[int, str]:
    return train(algorithm, ("train", "validation", "train_lst", "validation_lst"), PICTURES, **given)


def best(log: str) -> float:
    """Read the accuracy of the epoch whose weights were kept."""
    return float(log.rpartition("Best validation accuracy: ")[2].split()[0])
