"""Cuts pictures to the size of the network's input, at random where a job asks for it.

The ranges are the documented ones: evidence/image-classification.md.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from image_classification.hyperparameters import Shape
from image_classification.pictures import Pixels

Floats = NDArray[np.float32]
HUE, SATURATION, LIGHTNESS = 36 / 180, 50 / 255, 50 / 255
ANGLE, SHEAR, ASPECT = math.radians(10), 0.1, 0.25
FILL = 255
"""What a turned picture has beyond its edges."""


def central(picture: Pixels, shape: Shape) -> Pixels:
    """Cut the middle out."""
    top, left = (picture.shape[0] - shape.height) // 2, (picture.shape[1] - shape.width) // 2
    return picture[top : top + shape.height, left : left + shape.width]


def varied(picture: Pixels, shape: Shape, kind: str, chance: Generator) -> Pixels:
    """Vary a picture as `augmentation_type` says."""
    if kind == "crop_color_transform":
        picture = _transformed(picture, chance)
    top = int(chance.integers(picture.shape[0] - shape.height + 1))
    left = int(chance.integers(picture.shape[1] - shape.width + 1))
    cut = picture[top : top + shape.height, left : left + shape.width]
    if chance.random() < 0.5:
        cut = cut[:, ::-1]
    if kind == "crop":
        return cut
    shifts = chance.uniform(-1, 1, 3) * (HUE, SATURATION, LIGHTNESS)
    return recoloured(cut, *shifts.tolist())


def _transformed(picture: Pixels, chance: Generator) -> Pixels:
    """Turn, shear and stretch a picture about its middle."""
    from PIL import Image

    angle, shear = chance.uniform(-ANGLE, ANGLE), chance.uniform(-SHEAR, SHEAR)
    ratio = 1 + chance.uniform(-ASPECT, ASPECT)
    high = 2 / (1 + ratio)
    wide = ratio * high
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    back = np.linalg.inv(turn @ np.array([[1, shear], [0, 1]]) @ np.diag([wide, high]))
    middle = np.array([picture.shape[1] - 1, picture.shape[0] - 1]) / 2
    offset = middle - back @ middle
    data = (*back[0].tolist(), float(offset[0]), *back[1].tolist(), float(offset[1]))
    grey = picture.shape[2] == 1
    image = Image.fromarray(picture[:, :, 0] if grey else np.ascontiguousarray(picture))
    turned = image.transform(
        image.size,
        Image.Transform.AFFINE,
        data,
        Image.Resampling.BILINEAR,
        fillcolor=FILL if grey else (FILL,) * 3,
    )
    table = np.asarray(turned, np.uint8)
    return table[:, :, None] if grey else table


def recoloured(picture: Pixels, hue: float, saturation: float, lightness: float) -> Pixels:
    """Shift hue, saturation and lightness; of grey there is only lightness."""
    values = picture.astype(np.float32) / 255
    if picture.shape[2] == 1:
        return _bytes(values + lightness)
    high, low = values.max(axis=2), values.min(axis=2)
    light, spread = (high + low) / 2, high - low
    some = np.where(spread > 0, spread, 1)
    full = np.where(spread > 0, spread / np.maximum(1 - np.abs(2 * light - 1), 1e-6), 0)
    red, green, blue = values[..., 0], values[..., 1], values[..., 2]
    around = np.where(
        high == red,
        ((green - blue) / some) % 6,
        np.where(high == green, (blue - red) / some + 2, (red - green) / some + 4),
    )
    around = (around / 6 + hue) % 1 * 12
    full, light = np.clip(full + saturation, 0, 1), np.clip(light + lightness, 0, 1)
    strength = full * np.minimum(light, 1 - light)
    parts = [(start + around) % 12 for start in (0, 8, 4)]
    made = [light - strength * np.clip(np.minimum(one - 3, 9 - one), -1, 1) for one in parts]
    return _bytes(np.stack(made, axis=2))


def _bytes(values: NDArray[np.floating]) -> Pixels:
    made: Pixels = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return made
