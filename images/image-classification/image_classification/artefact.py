"""The model's files: those of a ResNet of Transformers.

`AutoModelForImageClassification.from_pretrained(folder)` and a pipeline open it; of the kind for small
pictures the stem has to be exchanged first (evidence/image-classification.md).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from toolkit.contract import Json
from toolkit.failure import UserError

from image_classification.hyperparameters import Shape
from image_classification.network import Design, Network

Tensor = Any
WEIGHTS, CONFIG, PREPROCESSING = "model.safetensors", "config.json", "preprocessor_config.json"
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
GREY = (0.5,), (0.5,)


def save(folder: Path, network: Network) -> None:
    """Write a network."""
    weights(folder / WEIGHTS, network.state_dict())
    (folder / CONFIG).write_text(json.dumps(_config(network.design), indent=1))
    (folder / PREPROCESSING).write_text(json.dumps(_preprocessing(network.design.shape), indent=1))


def weights(path: Path, state: dict[str, Tensor]) -> None:
    """Write weights alone."""
    from safetensors.torch import save_file

    save_file({name: one.contiguous() for name, one in state.items()}, path, {"format": "pt"})


def load(folder: Path) -> Network:
    """Read a network; a missing file is a FileNotFoundError."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        told = json.loads((folder / CONFIG).read_text())["image_classification"]
        design = Design(
            told["num_layers"], Shape(*told["image_shape"]), told["num_classes"], told["multi_label"]
        )
        network = Network(design)
        network.load_state_dict(load_file(folder / WEIGHTS))
    except (KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as wrong:
        raise UserError(
            f"The model in {folder} is not one of image classification: {type(wrong).__name__}: {wrong}"
        ) from wrong
    return network


def prepared(pictures: list[NDArray[np.uint8]], shape: Shape) -> Tensor:
    """Return pictures as the network is shown them."""
    mean, deviation = (MEAN, DEVIATION) if shape.channels == 3 else GREY
    batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    scale = torch.tensor(deviation).mul(255).reshape(1, -1, 1, 1)
    return batch.float().sub_(torch.tensor(mean).mul(255).reshape(1, -1, 1, 1)).div_(scale)


def _config(design: Design) -> dict[str, Json]:
    names: dict[str, Json] = {str(one): f"class_{one}" for one in range(design.classes)}
    return {
        "architectures": ["ResNetForImageClassification"],
        "model_type": "resnet",
        "num_channels": design.shape.channels,
        "embedding_size": design.stem,
        "hidden_sizes": [*design.widths],
        "depths": [*design.depths],
        "layer_type": design.kind,
        "hidden_act": "relu",
        "downsample_in_first_stage": False,
        "downsample_in_bottleneck": False,
        "id2label": names,
        "label2id": {str(name): int(one) for one, name in names.items()},
        "problem_type": f"{'multi' if design.many else 'single'}_label_classification",
        "torch_dtype": "float32",
        "image_classification": {
            "num_layers": design.layers,
            "image_shape": [*design.shape],
            "num_classes": design.classes,
            "multi_label": design.many,
        },
    }


def _preprocessing(shape: Shape) -> dict[str, Json]:
    mean, deviation = (MEAN, DEVIATION) if shape.channels == 3 else GREY
    return {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "size": {"height": shape.height, "width": shape.width},
        "resample": 2,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [*mean],
        "image_std": [*deviation],
    }
