"""Decodes pictures and brings them to the size of the network's input."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from toolkit.failure import UserError

from image_classification.hyperparameters import Shape
from image_classification.samples import Sample

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = NDArray[np.uint8]
KEPT = 1 << 30
"""How many bytes of decoded pictures a channel keeps; the others are decoded anew in each epoch."""


class Malformed(ValueError):
    """The bytes are no picture; the message says why."""


def decode(body: bytes, channels: int) -> Image:
    """Open an encoded picture in colour or grey."""
    from PIL import Image, UnidentifiedImageError

    if not body:
        raise Malformed("it is empty")
    try:
        with Image.open(io.BytesIO(body), formats=("JPEG", "PNG")) as image:
            return image.convert("RGB" if channels == 3 else "L")
    except UnidentifiedImageError as wrong:
        raise Malformed("it is neither a JPEG nor a PNG picture") from wrong
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as wrong:
        raise Malformed(f"it cannot be decoded ({wrong})") from wrong


def pixels(image: Image) -> Pixels:
    """Return rows, columns and channels."""
    table = np.asarray(image, np.uint8)
    return table if table.ndim == 3 else table[:, :, None]


def stretched(image: Image, shape: Shape) -> Pixels:
    """Bring a picture to the network's size whatever its proportions, as inference does."""
    from PIL import Image

    if image.size != (shape.width, shape.height):
        image = image.resize((shape.width, shape.height), Image.Resampling.BILINEAR)
    return pixels(image)


class Gallery:
    """The pictures of a channel, decoded by a few threads and kept as far as there is room."""

    def __init__(self, found: list[Sample], shape: Shape, resize: int, threads: int) -> None:
        self.found, self._shape, self._resize = found, shape, resize
        self._kept: dict[int, Pixels] = {}
        self._room = KEPT
        self._pool = ThreadPoolExecutor(threads)

    def __len__(self) -> int:
        return len(self.found)

    def take(self, which: NDArray[np.int64]) -> list[Pixels]:
        """Return some pictures, each at least as large as the network's input."""
        known = [self._kept.get(int(place)) for place in which]
        missing = [int(place) for place, one in zip(which, known, strict=True) if one is None]
        made = dict(zip(missing, self._pool.map(self._open, missing), strict=True))
        for place, one in made.items():
            if one.nbytes <= self._room:
                self._kept[place] = one
                self._room -= one.nbytes
        return [made[int(place)] if one is None else one for place, one in zip(which, known, strict=True)]

    def _open(self, place: int) -> Pixels:
        sample = self.found[place]
        try:
            image = decode(sample.read(), self._shape.channels)
        except Malformed as wrong:
            raise UserError(
                f"{sample.name} is not a picture: {wrong}. Replace it, or leave it out."
            ) from wrong
        image = _resized(image, self._resize)
        if image.width < self._shape.width or image.height < self._shape.height:
            after = f" after resize={self._resize}" if self._resize else ""
            raise UserError(
                f"{sample.name} is {image.height} high and {image.width} wide{after}, smaller than "
                f"image_shape={','.join(map(str, self._shape))}. Set resize to at least "
                f"{max(self._shape[1:])}, or make image_shape smaller."
            )
        return pixels(image)


def _resized(image: Image, shorter: int) -> Image:
    from PIL import Image

    if not shorter or min(image.size) == shorter:
        return image
    factor = shorter / min(image.size)
    size: Any = tuple(max(shorter, round(side * factor)) for side in image.size)
    return image.resize(size, Image.Resampling.BILINEAR)
