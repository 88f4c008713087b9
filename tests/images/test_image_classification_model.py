"""The built-in image classification: how it learns, what it answers, its model held against Transformers."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.images.algorithm import Algorithm, metric_of
from tests.images.container import Container
from tests.images.pictures import (
    IMAGE,
    PICTURES,
    QUICK,
    RECORDIO,
    best,
    cut,
    drawn,
    listed,
    picture,
    png,
    record,
    records,
    train,
    train_list,
    write,
)


@pytest.fixture
def classification(image: Callable[[str], Container]) -> Algorithm:
    container = image(IMAGE)
    container.environment |= {"OMP_WAIT_POLICY": "PASSIVE", "SM_NUM_CPUS": "1"}
    return Algorithm(container, "image_classification")


@pytest.mark.slow
def test_it_learns_from_lists(classification: Algorithm) -> None:
    listed(classification, "train", drawn(24))
    listed(classification, "validation", drawn(9, begin=100))
    code, log = train_list(classification, **QUICK)
    assert code == 0, log
    assert best(log) == 1.0
    assert 0 <= metric_of(IMAGE, "validation:accuracy", log) <= 1
    assert 0 <= metric_of(IMAGE, "train:accuracy", log) <= 1
    assert metric_of(IMAGE, "train:throughput", log) > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "changed", "message"),
    [
        (b"broken", {}, "some/1.png of the train channel is not a picture: it is neither a JPEG nor a PNG"),
        (png(picture(1, 0))[:-30], {}, "is not a picture: it cannot be decoded"),
        (b"", {}, "is not a picture: it is empty"),
        (png(picture(1, 0, 8)), {}, "is 8 high and 8 wide, smaller than image_shape=3,16,16. Set resize to"),
        (
            png(picture(1, 0, 8)),
            {"mini_batch_size": 1, "num_layers": 18},
            "set mini_batch_size to at least 2",
        ),
    ],
)
def test_a_wrong_picture_is_named(
    classification: Algorithm, body: bytes, changed: dict[str, object], message: str
) -> None:
    listed(classification, "train", [(0, png(picture(0, 0))), (1, body), *drawn(4)])
    listed(classification, "validation", drawn(2))
    assert train_list(classification, **QUICK | changed)[0] == 1
    assert message in classification.container.failure


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_way_of_giving_pictures_gives_the_same_model(classification: Algorithm) -> None:
    pictures, held_out = drawn(24, 20), drawn(6, 20, 100)
    given = QUICK | {"epochs": 2, "resize": 18, "augmentation_type": "crop_color_transform"}
    data = classification.container.ml / "input/data"
    listed(classification, "train", pictures)
    listed(classification, "validation", held_out)
    code, log = train_list(classification, **given)
    assert code == 0, log
    expected = (classification.model / "model.safetensors").read_bytes()
    for path in list(data.iterdir()):
        shutil.rmtree(path)
    streams = {"train": records(pictures), "validation": records(held_out)}
    for name, body in streams.items():
        write(data / name, f"{name}.rec", body)
    code, log = train(classification, [*streams], RECORDIO, **given)
    assert code == 0, log
    assert (classification.model / "model.safetensors").read_bytes() == expected
    for path in list(data.iterdir()):
        shutil.rmtree(path)
    assert _piped(classification, streams, "None", given) == expected
    manifests = {
        name: b"".join(cut(body) + cut(str(label).encode()) for label, body in found)
        for name, found in (("train", pictures), ("validation", held_out))
    }
    assert _piped(classification, manifests, "RecordIO", given) == expected


def _piped(algorithm: Algorithm, streams: dict[str, bytes], wrapper: str, given: dict[str, Any]) -> bytes:

    data = algorithm.container.ml / "input/data"
    for name, body in streams.items():
        (data / f"{name}_0").unlink(missing_ok=True)
        os.mkfifo(data / f"{name}_0")
        threading.Thread(target=(data / f"{name}_0").write_bytes, args=(body,), daemon=True).start()
    told = {"TrainingInputMode": "Pipe", "ContentType": RECORDIO, "RecordWrapperType": wrapper}
    texts = {name: str(value) for name, value in given.items()}
    algorithm.container.configure(texts, dict.fromkeys(streams, told))
    code, log = algorithm.container.run("image_classification.train")
    assert code == 0, log
    return (algorithm.model / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_pictures_of_several_classes_are_learnt_and_answered(classification: Algorithm) -> None:
    for name, count in (("train", 24), ("validation", 8)):
        body = b""
        for number in range(count):
            ones = [number % 2, number // 2 % 2]
            both = np.maximum(picture(0, number) * ones[0], picture(1, number) * ones[1])
            body += record([float(one) for one in (*ones, 0)], png(both))
        write(classification.container.ml / "input/data" / name, f"{name}.rec", body)
    given = QUICK | {"num_classes": 3, "multi_label": 1, "use_weighted_loss": 1, "top_k": 2, "epochs": 20}
    code, log = train(classification, ("train", "validation"), RECORDIO, **given)
    assert code == 0, log
    assert "Train-top_k_accuracy_2=" in log
    assert best(log) > 0.8
    with classification.serve() as server:
        _, _, said = server.invoke(png(np.maximum(picture(0, 7), picture(1, 7))), "image/png")
    red, blue, other = json.loads(said)
    assert red > 0.5 > other
    assert blue > 0.5


@pytest.mark.slow
def test_classes_by_number_are_told_by_the_content_type(classification: Algorithm) -> None:
    for name in ("train", "validation"):
        body = record([0.0, 2.0], png(picture(0, 1))) + record([1.0], png(picture(1, 1)))
        write(classification.container.ml / "input/data" / name, f"{name}.rec", body)
    given = QUICK | {"num_classes": 3, "multi_label": 1, "epochs": 1}
    assert train(classification, ("train", "validation"), RECORDIO, **given)[0] == 1
    assert "add label-format=class-id to the channel's content type" in classification.container.failure
    kind = f"{RECORDIO}; label-format=class-id"
    code, log = train(classification, ("train", "validation"), kind, **given)
    assert code == 0, log


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed",
    [
        {"optimizer": "adam", "learning_rate": 0.01},
        {"optimizer": "rmsprop", "learning_rate": 0.01, "gamma": 0.95},
        {"optimizer": "nag", "lr_scheduler_step": "6,9", "lr_scheduler_factor": 0.5},
        {"image_shape": "1,16,16"},
    ],
)
def test_every_optimizer_learns(classification: Algorithm, changed: dict[str, object]) -> None:
    bright = [
        (label, png(picture(0, number) // (2 + 6 * label))) for number, (label, _) in enumerate(drawn(24))
    ]
    listed(classification, "train", bright)
    listed(classification, "validation", bright[:8])
    code, log = train_list(classification, **QUICK | changed)
    assert code == 0, log
    assert best(log) > 0.8


@pytest.mark.slow
def test_a_training_stops_early_and_keeps_checkpoints(classification: Algorithm) -> None:
    listed(classification, "train", drawn(24))
    listed(classification, "validation", drawn(9, begin=100))
    stop = {"early_stopping": "True", "early_stopping_min_epochs": 4, "early_stopping_patience": 2}
    code, log = train_list(classification, **QUICK | stop | {"epochs": 60, "checkpoint_frequency": 2})
    assert code == 0, log
    assert "Early stopping: no better accuracy in 2 epochs." in log
    assert "Epoch[59]" not in log
    assert (classification.model / "image-classification-0002.safetensors").is_file()


@pytest.mark.slow
def test_an_interrupted_training_ends_as_an_uninterrupted_one(classification: Algorithm) -> None:
    listed(classification, "train", drawn(24, 18))
    listed(classification, "validation", drawn(9, begin=100))
    given = QUICK | {"augmentation_type": "crop"}
    train_list(classification, **given | {"epochs": 6})
    whole = (classification.model / "model.safetensors").read_bytes()
    (classification.container.ml / "checkpoints").mkdir()
    train_list(classification, **given | {"epochs": 3})
    code, log = train_list(classification, **given | {"epochs": 6})
    assert code == 0, log
    assert "Resuming from image-classification.pt after epoch 2" in log
    assert (classification.model / "model.safetensors").read_bytes() == whole


@pytest.mark.slow
def test_a_training_goes_on_from_an_earlier_model(classification: Algorithm) -> None:
    listed(classification, "train", drawn(24))
    listed(classification, "validation", drawn(9, begin=100))
    assert train_list(classification, **QUICK)[0] == 0
    packed = classification.container.ml / "input/data/model"
    packed.mkdir()
    with tarfile.open(packed / "model.tar.gz", "w:gz") as archive:
        for path in classification.model.iterdir():
            archive.add(path, path.name)
    again = QUICK | {"epochs": 1, "learning_rate": 0, "use_pretrained_model": 1}
    code, log = train_list(classification, **again)
    assert code == 0, log
    assert "Epoch[0] Validation-accuracy=1.0" in log
    assert train_list(classification, **again | {"num_classes": 3})[0] == 1
    assert "was trained with num_classes=2, this job has 3" in classification.container.failure
    (packed / "model.tar.gz").write_bytes(b"not packed")
    assert train_list(classification, **again)[0] == 1
    assert "model.tar.gz of the model channel cannot be opened" in classification.container.failure
    (packed / "model.tar.gz").unlink()
    write(packed, "image-classification-0001.params", b"MXNet")
    assert train_list(classification, **again)[0] == 1
    assert "MXNet's files of AWS cannot be read" in classification.container.failure


@pytest.mark.slow
def test_it_answers_pictures_with_probabilities(classification: Algorithm) -> None:
    listed(classification, "train", drawn(24))
    listed(classification, "validation", drawn(9, begin=100))
    assert train_list(classification, **QUICK)[0] == 0
    asked = png(picture(1, 7, 40))
    with classification.serve() as server:
        for kind in ("application/x-image", "image/png", "image/jpeg"):
            status, media, said = server.invoke(asked, kind)
            assert (status, media) == (200, "application/json"), said
            assert sum(json.loads(said)) == pytest.approx(1)
            assert json.loads(said)[1] > 0.5
        status, media, said = server.invoke(asked, PICTURES, "application/jsonlines")
        assert (status, media) == (200, "application/jsonlines")
        assert len(json.loads(said)["prediction"]) == 2
        for body, kind, accept, expected, message in (
            (b"broken", PICTURES, "", 400, "it is neither a JPEG nor a PNG picture"),
            (asked[:-40], PICTURES, "", 400, "it cannot be decoded"),
            (b"", PICTURES, "", 400, "it is empty"),
            (asked, "text/csv", "", 415, "Supported: application/x-image, image/jpeg, image/png"),
            (asked, PICTURES, "text/csv", 406, "Supported: application/json"),
        ):
            status, _, said = server.invoke(body, kind, accept)
            assert (status, message in said.decode()) == (expected, True), said
    batch = {"SAGEMAKER_BATCH": "true", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
    with classification.container.serve("image_classification.serve", **batch) as server:
        assert server.invoke(asked, PICTURES)[1] == "application/jsonlines"


LOADED = """
import json, sys, warnings
warnings.filterwarnings("ignore")
from PIL import Image
from transformers import AutoConfig, AutoImageProcessor, AutoModelForImageClassification
folder, pictures = sys.argv[1], sys.argv[2:]
config = AutoConfig.from_pretrained(folder)
if len(config.depths) == 3:  # the exchange that the guide tells of
    import torch
    from safetensors.torch import load_file
    from transformers.models.resnet.modeling_resnet import ResNetConvLayer
    model = AutoModelForImageClassification.from_config(config)
    model.resnet.embedder.embedder = ResNetConvLayer(3, 16, kernel_size=3, stride=1)
    model.resnet.embedder.pooler = torch.nn.Identity()
    model.load_state_dict(load_file(folder + "/model.safetensors"))
    model.eval()
else:
    model = AutoModelForImageClassification.from_pretrained(folder).eval()
asked = AutoImageProcessor.from_pretrained(folder)([Image.open(one) for one in pictures], return_tensors="pt")
print(json.dumps(model(**asked).logits.softmax(1).tolist()))
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("layers", [18, 20, 50])
def test_transformers_opens_the_model_and_gives_the_same_answers(
    classification: Algorithm, interpreter: Callable[[str], str], layers: int
) -> None:
    listed(classification, "train", drawn(24, 32))
    listed(classification, "validation", drawn(9, 32, 100))
    given = QUICK | {"num_layers": layers, "image_shape": "3,32,32", "epochs": 2}
    code, log = train_list(classification, **given)
    assert code == 0, log
    asked = [classification.container.base / f"{number}.png" for number in range(3)]
    for number, path in enumerate(asked):
        path.write_bytes(png(picture(number % 2, number, 20 + 30 * number)))
    with classification.serve() as server:
        ours = [json.loads(server.invoke(path.read_bytes(), PICTURES)[2]) for path in asked]
    reader = Algorithm(Container(classification.container.base, interpreter("huggingface")), "")
    theirs = reader.ask(LOADED, str(classification.model), *map(str, asked))
    assert np.array(ours) == pytest.approx(np.array(theirs), abs=1e-5)
