"""The documented hyperparameters of image classification, checked before any data is read.

How they compare with AWS's: evidence/image-classification.md.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from toolkit.algorithm.hyperparameters import Settings, check, declare
from toolkit.contract import Json
from toolkit.failure import UserError

DECLARED = declare("""
num_classes                integer  [1, inf)  required
num_training_samples       integer  [1, inf)  required
augmentation_type          choice   crop crop_color crop_color_transform  -
beta_1                     number   [0, 1]    0.9
beta_2                     number   [0, 1]    0.999
checkpoint_frequency       integer  [1, inf)  -
early_stopping             boolean  -         false
early_stopping_min_epochs  integer  [1, inf)  10
early_stopping_patience    integer  [1, inf)  5
early_stopping_tolerance   number   [0, 1]    0
epochs                     integer  [1, inf)  30
eps                        number   [0, 1]    1e-8
gamma                      number   [0, 1]    0.9
image_shape                text     -         3,224,224
kv_store                   choice   dist_sync dist_async  -
learning_rate              number   [0, 1]    0.1
lr_scheduler_factor        number   [0, 1]    0.1
lr_scheduler_step          text     -         -
mini_batch_size            integer  [1, inf)  32
momentum                   number   [0, 1]    0.9
multi_label                choice   0 1       0
num_layers                 choice   18 34 50 101 152 200 20 32 44 56 110  152
optimizer                  choice   sgd adam rmsprop nag  sgd
precision_dtype            choice   float32 float16  float32
resize                     integer  [1, inf)  -
top_k                      integer  [2, inf)  -
use_pretrained_model       choice   0 1       0
use_weighted_loss          choice   0 1       0
weight_decay               number   [0, 1]    0.0001
""")
CHANNELS = (1, 3)
BELOW_ONE = ("beta_1", "beta_2")
USED = {
    "sgd": {"momentum", "weight_decay"},
    "nag": {"momentum", "weight_decay"},
    "adam": {"beta_1", "beta_2", "eps"},
    "rmsprop": {"gamma", "eps"},
}


class Shape(NamedTuple):
    """What a picture is when it enters the network."""

    channels: int
    height: int
    width: int


class Chosen(NamedTuple):
    """What a job chose."""

    settings: Settings
    shape: Shape
    steps: list[int]

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return self.settings.integer("num_classes")

    @property
    def many(self) -> bool:
        """Whether a picture may be of several classes."""
        return self.settings.text("multi_label") == "1"


def read(given: dict[str, Json]) -> Chosen:
    """Check every hyperparameter and how they fit together."""
    settings = check(given, DECLARED)
    chosen = Chosen(settings, _shape(given.get("image_shape", "3,224,224")), _steps(given))
    if settings.text("precision_dtype") == "float16":
        raise UserError(
            "precision_dtype is float16, which needs a GPU; this image computes on the CPU. Set it to "
            "float32."
        )
    for name, limit, what in (
        ("checkpoint_frequency", settings.integer("epochs"), "epochs"),
        ("top_k", chosen.classes, "num_classes"),
    ):
        if settings.integer(name) > limit:
            raise UserError(
                f"{name} is {settings.integer(name)}; it must not be greater than {what}={limit}."
            )
    if settings.given("resize") and settings.integer("resize") < min(chosen.shape[1:]):
        raise UserError(
            f"resize is {settings.integer('resize')}, so the shorter side of every picture would be smaller "
            f"than image_shape={_written(chosen.shape)}. Set resize to at least {max(chosen.shape[1:])}."
        )
    _optimizer(settings)
    return chosen


def idle(settings: Settings, given: dict[str, Json]) -> list[str]:
    """Name the given hyperparameters that the others leave without effect."""
    unused = set[str]().union(*USED.values()) - USED[settings.text("optimizer")]
    if not settings.flag("early_stopping"):
        unused |= {f"early_stopping_{name}" for name in ("min_epochs", "patience", "tolerance")}
    unused |= {"kv_store"} if given.get("lr_scheduler_step") else {"kv_store", "lr_scheduler_factor"}
    if settings.text("multi_label") == "0":
        unused.add("use_weighted_loss")
    return sorted(unused & given.keys())


def _optimizer(settings: Settings) -> None:
    name = settings.text("optimizer")
    for one in BELOW_ONE if name == "adam" else ():
        if settings.number(one) == 1:
            raise UserError(f"{one} is 1, with which adam never learns; it must be less than 1.")
    if name == "nag" and settings.number("momentum") == 0:
        raise UserError("momentum is 0, and nag is nothing without it; set momentum, or the optimizer sgd.")


def _shape(value: Json) -> Shape:
    written = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    found = re.fullmatch(r"[\[(\s]*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)[\])\s]*", written)
    shape = Shape(*map(int, found.groups())) if found else Shape(0, 0, 0)
    if shape.channels not in CHANNELS or not min(shape):
        raise UserError(
            f"The value {written!r} is not valid for the 'image_shape' hyperparameter which expects the "
            "number of channels (3, or 1 for grey), the height and the width, for example 3,224,224."
        )
    return shape


def _steps(given: dict[str, Json]) -> list[int]:
    value = given.get("lr_scheduler_step", "")
    words = [str(one) for one in value] if isinstance(value, list) else str(value).strip("[]() ").split(",")
    words = [word.strip() for word in words if word.strip()]
    if any(not word.isdecimal() or int(word) < 1 for word in words):
        raise UserError(
            f"The value {value!r} is not valid for the 'lr_scheduler_step' hyperparameter which expects "
            "epochs, for example 10,20."
        )
    return [int(word) for word in words]


def _written(shape: Shape) -> str:
    return ",".join(map(str, shape))
