"""The residual network. Its weights have the names, shapes and meaning that Transformers' ResNet gives."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn

from image_classification.hyperparameters import Shape

Tensor = Any
LARGE = {
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
    200: ("bottleneck", (3, 24, 36, 3)),
}
REDUCTION = 4


class Design(NamedTuple):
    """All that says how a network is built and what it is fed."""

    layers: int
    shape: Shape
    classes: int
    many: bool

    @property
    def small(self) -> bool:
        """Whether it is of the kind for small pictures, with a stem that keeps their size."""
        return self.layers not in LARGE

    @property
    def kind(self) -> str:
        """How its layers are made."""
        return "basic" if self.small else LARGE[self.layers][0]

    @property
    def depths(self) -> tuple[int, ...]:
        """How many layers each stage has."""
        return ((self.layers - 2) // 6,) * 3 if self.small else LARGE[self.layers][1]

    @property
    def stem(self) -> int:
        """How wide the stem is."""
        return 16 if self.small else 64

    @property
    def widths(self) -> tuple[int, ...]:
        """How wide each stage is."""
        first = self.stem if self.kind == "basic" else self.stem * REDUCTION
        return tuple(first << stage for stage in range(len(self.depths)))

    @property
    def shrinks(self) -> int:
        """How often a picture's sides are halved."""
        return 2 if self.small else 5


class Network(nn.Module):  # type: ignore[misc]
    """A network of random weights."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.design = design
        stem: dict[str, Any] = {"embedder": _step(design.shape.channels, design.stem, 3, 1)}
        if not design.small:
            stem["embedder"] = _step(design.shape.channels, design.stem, 7, 2)
            stem["pooler"] = nn.MaxPool2d(3, 2, 1)
        body = {"embedder": _Ordered(stem), "encoder": _Ordered({"stages": _stages(design)})}
        self.resnet = _Ordered(body)
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(design.widths[-1], design.classes))
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, batch: Tensor) -> Tensor:
        """Return a score for every class."""
        return self.classifier(self.resnet(batch).mean((2, 3)))


class _Ordered(nn.Module):  # type: ignore[misc]
    """Parts by name, one after the other."""

    def __init__(self, parts: dict[str, Any]) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, batch: Tensor) -> Tensor:
        for part in self.children():
            batch = part(batch)
        return batch


class _Residual(nn.Module):  # type: ignore[misc]
    """A layer whose input is added to what it makes of it."""

    def __init__(self, before: int, after: int, stride: int, kind: str) -> None:
        super().__init__()
        self.shortcut = nn.Identity()
        if before != after or stride > 1:
            self.shortcut = _step(before, after, 1, stride, active=False)
        if kind == "basic":
            steps = [_step(before, after, 3, stride), _step(after, after, 3, 1, active=False)]
        else:
            inner = after // REDUCTION
            steps = [
                _step(before, inner, 1, 1),
                _step(inner, inner, 3, stride),
                _step(inner, after, 1, 1, active=False),
            ]
        self.layer = nn.Sequential(*steps)

    def forward(self, batch: Tensor) -> Tensor:
        return torch.relu_(self.layer(batch) + self.shortcut(batch))


def _step(before: int, after: int, size: int, stride: int, *, active: bool = True) -> Any:
    parts: dict[str, Any] = {
        "convolution": nn.Conv2d(before, after, size, stride, size // 2, bias=False),
        "normalization": nn.BatchNorm2d(after),
    }
    if active:
        parts["activation"] = nn.ReLU(inplace=True)
    return _Ordered(parts)


def _stages(design: Design) -> Any:
    stages, before = [], design.stem
    for number, (depth, width) in enumerate(zip(design.depths, design.widths, strict=True)):
        first = _Residual(before, width, 2 if number else 1, design.kind)
        rest = [_Residual(width, width, 1, design.kind) for _ in range(depth - 1)]
        stages.append(_Ordered({"layers": nn.Sequential(first, *rest)}))
        before = width
    return nn.Sequential(*stages)
