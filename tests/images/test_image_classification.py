"""The built-in image classification: what it reads and what it refuses."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from image_classification import augmentation, hyperparameters, recordio
from image_classification.hyperparameters import Shape
from tests.images.algorithm import Algorithm
from tests.images.container import Container
from tests.images.pictures import (
    IMAGE,
    NEEDED,
    PICTURES,
    QUICK,
    RECORDIO,
    cut,
    drawn,
    listed,
    record,
    records,
    train,
    train_list,
    write,
)
from toolkit.failure import UserError


@pytest.fixture
def classification(image: Callable[[str], Container]) -> Algorithm:
    container = image(IMAGE)
    container.environment |= {"OMP_WAIT_POLICY": "PASSIVE", "SM_NUM_CPUS": "1"}
    return Algorithm(container, "image_classification")


def test_defaults_are_the_documented_ones() -> None:
    chosen = hyperparameters.read({name: str(value) for name, value in NEEDED.items()})
    values = chosen.settings.values
    assert [values[name] for name in ("epochs", "learning_rate", "mini_batch_size", "num_layers")] == [
        30,
        0.1,
        32,
        "152",
    ]
    assert [values[name] for name in ("optimizer", "momentum", "weight_decay", "lr_scheduler_factor")] == [
        "sgd",
        0.9,
        0.0001,
        0.1,
    ]
    assert chosen.shape == Shape(3, 224, 224)
    assert (chosen.steps, chosen.many) == ([], False)


@pytest.mark.parametrize("written", ["3,224,224", "3, 224, 224", [3, 224, 224]])
def test_an_image_shape_is_read_as_the_sdks_write_it(written: Any) -> None:
    assert hyperparameters.read({**NEEDED, "image_shape": written}).shape == Shape(3, 224, 224)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"num_layers": "21"}, "expects one of 18, 34, 50, 101, 152, 200, 20, 32, 44, 56, 110"),
        ({"image_shape": "224,224"}, "the number of channels (3, or 1 for grey), the height and the width"),
        ({"image_shape": "2,8,8"}, "the number of channels (3, or 1 for grey)"),
        ({"lr_scheduler_step": "ten"}, "expects epochs, for example 10,20"),
        ({"top_k": "3"}, "top_k is 3; it must not be greater than num_classes=2"),
        ({"top_k": "1"}, "an integer in [2, ∞)"),
        ({"checkpoint_frequency": "31"}, "must not be greater than epochs=30"),
        ({"precision_dtype": "float16"}, "needs a GPU; this image computes on the CPU"),
        ({"resize": "100"}, "Set resize to at least 224"),
        ({"optimizer": "nag", "momentum": "0"}, "nag is nothing without it"),
        ({"optimizer": "adam", "beta_1": "1"}, "beta_1 is 1, with which adam never learns"),
        ({"learning_rate": "2"}, "a number in [0, 1]"),
        ({"augmentation type": "crop"}, "Additional hyperparameters are not allowed ('augmentation type'"),
    ],
)
def test_a_wrong_hyperparameter_is_named(changed: dict[str, str], message: str) -> None:
    with pytest.raises(UserError) as wrong:
        hyperparameters.read({name: str(value) for name, value in (NEEDED | changed).items()})
    assert message in str(wrong.value)


def test_hyperparameters_of_other_optimizers_are_told_to_be_without_effect() -> None:
    given = {
        **NEEDED,
        "beta_1": "0.5",
        "momentum": "0.5",
        "early_stopping_patience": "3",
        "kv_store": "dist_sync",
        "use_weighted_loss": "1",
    }
    settings = hyperparameters.read(given).settings
    assert hyperparameters.idle(settings, given) == [
        "beta_1",
        "early_stopping_patience",
        "kv_store",
        "use_weighted_loss",
    ]


def test_records_cut_at_the_magic_number_are_put_together() -> None:
    magic = struct.pack("<I", recordio.MAGIC)
    bodies = [b"plain", b"be" + magic + b"tween" + magic, magic * 2, b""]
    file = io.BytesIO(b"".join(map(cut, bodies)))
    assert [recordio.content(file, one.spans) for one in recordio.records(file)] == bodies


@pytest.mark.parametrize("labels", [[3.0], [1.0, 0.0, 1.0]])
@pytest.mark.parametrize("inside", [b"", struct.pack("<I", recordio.MAGIC)])
def test_labels_and_picture_are_found_in_a_record(labels: list[float], inside: bytes) -> None:
    file = io.BytesIO(record(labels, b"abc" + inside + b"def"))
    [one] = recordio.records(file)
    told, skip = recordio.labels(file, one)
    assert (told, recordio.content(file, one.spans)[skip:]) == (labels, b"abc" + inside + b"def")


def test_augmentation_stays_within_the_documented_ranges() -> None:
    plain = np.full((20, 20, 3), (100, 150, 50), np.uint8)
    shape = Shape(3, 16, 16)
    for seed in range(30):
        chance = np.random.default_rng(seed)
        assert (augmentation.varied(plain, shape, "crop", chance) == plain[:16, :16]).all()
        made = augmentation.varied(plain, shape, "crop_color", chance)
        assert made.shape == (16, 16, 3)
        light = (made[0, 0].max().astype(int) + made[0, 0].min()) / 2
        assert abs(light - 100) <= 51


def test_a_shift_of_nothing_leaves_colours_as_they_are() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    assert np.abs(augmentation.recoloured(noise, 0, 0, 0).astype(int) - noise).max() <= 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1\t0\n", "train.lst of the train_lst channel, line 1, has 2 of three columns; it must be an index"),
        ("1\t2\tsome/0.png\n", "has the label 2; with num_classes=2 labels are numbers from 0 to 1"),
        ("1\t0.5\tsome/0.png\n", "has the label '0.5'; a label must be a whole number"),
        ("1\t0\t1\tsome/0.png\n", "has 2 labels; it must have one. Set multi_label to 1"),
        ("1\t0\telse.png\n", "names else.png, which is not in the train channel"),
        ("\n", "has no line; each picture needs an index, a label and a path"),
        ("", "must have one .lst file that is not empty; it has 0"),
    ],
)
def test_a_malformed_list_is_named(classification: Algorithm, line: str, message: str) -> None:
    listed(classification, "train", drawn(2))
    listed(classification, "validation", drawn(2))
    write(classification.container.ml / "input/data/train_lst", "train.lst", line)
    assert train_list(classification, **QUICK)[0] == 1
    assert message in classification.container.failure


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "No data in the train channel: it has no .rec file"),
        (b"no record", "is not a RecordIO file of MXNet: there is no RecordIO magic number at byte 0"),
        (record([0], b"picture")[:-4], "the file ends inside the record at byte 0"),
        (cut(b"short"), "record 0 has no header of 24 bytes"),
        (record([5], b"picture"), "Record 0 of train.rec of the train channel has the label 5"),
    ],
)
def test_a_malformed_record_is_named(classification: Algorithm, body: bytes, message: str) -> None:
    data = classification.container.ml / "input/data"
    write(data / "train", "train.rec", body)
    write(data / "validation", "validation.rec", records(drawn(2)))
    assert train(classification, ("train", "validation"), RECORDIO, **QUICK)[0] == 1
    assert message in classification.container.failure


@pytest.mark.parametrize(
    ("channels", "kind", "message"),
    [
        ((), "", "'train' is a required channel"),
        (("train",), RECORDIO, "'validation' is a required channel"),
        (("train", "validation"), PICTURES, "'train_lst' is a required channel"),
        (("train", "validation"), "text/csv", "text/csv is not an accepted ContentType of the train channel"),
        (("train", "validation"), f"{RECORDIO};label-format=names", "it must be multi-hot or class-id"),
    ],
)
def test_a_missing_channel_is_named(
    classification: Algorithm, channels: tuple[str, ...], kind: str, message: str
) -> None:
    for name in channels:
        write(classification.container.ml / "input/data" / name, f"{name}.rec", records(drawn(2)))
    assert train(classification, channels, kind, **QUICK)[0] == 1
    assert message in classification.container.failure


def test_weights_that_cannot_be_had_are_refused(classification: Algorithm) -> None:
    assert train(classification, (), **QUICK, use_pretrained_model=1)[0] == 1
    assert "give the channel model the model.tar.gz of an earlier job" in classification.container.failure
