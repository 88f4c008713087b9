"""Runs beside image classification: pictures, and what Transformers' ResNet makes of them in a plain loop.

`python image_references.py data FOLDER` draws the pictures; `… train FOLDER EPOCHS RATE` reads the same
files, trains with the same network, optimizer and batches, leaves the model, and prints the best accuracy.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

SIDE, CLASSES, BATCH = 32, 10, 32


def data(folder: Path) -> None:
    """Write scikit-learn's digits as pictures, a fifth of them held out, with their lists."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    held_out = np.arange(len(digits.images)) % 5 == 0
    for name, chosen in (("train", ~held_out), ("validation", held_out)):
        lines = []
        for part in (name, f"{name}_lst"):
            (folder / part).mkdir(parents=True)
        for number in np.flatnonzero(chosen):
            grey = Image.fromarray((digits.images[number] * 15).astype(np.uint8)).resize((SIDE, SIDE))
            grey.convert("RGB").save(folder / name / f"{number}.png")
            lines.append(f"{number}\t{digits.target[number]}\t{number}.png\n")
        (folder / f"{name}_lst" / f"{name}.lst").write_text("".join(lines))


def train(folder: Path, epochs: int, rate: float) -> float:
    """Return the best accuracy of a ResNet of 18 layers."""
    import torch
    from transformers import ResNetConfig, ResNetForImageClassification

    pictures, labels = _read(folder, "train")
    held_out, truth = _read(folder, "validation")
    torch.manual_seed(0)
    design = ResNetConfig(
        hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2], layer_type="basic", num_labels=CLASSES
    )
    network = ResNetForImageClassification(design)
    network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), rate)
    best = 0.0
    for epoch in range(epochs):
        if epoch == epochs - 1:  # as lr_scheduler_step has it
            optimizer.param_groups[0]["lr"] *= 0.1
        network.train()
        for which in torch.randperm(len(labels)).split(BATCH):
            scores = network(pictures[which]).logits
            loss = torch.nn.functional.cross_entropy(scores, labels[which])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        network.eval()
        with torch.no_grad():
            guesses = torch.cat([network(part).logits.argmax(1) for part in held_out.split(BATCH)])
        best = max(best, float((guesses == truth).float().mean()))
    network.save_pretrained(folder.parent / "theirs")
    return best


def _read(folder: Path, name: str) -> tuple[Any, Any]:
    import numpy as np
    import torch
    from PIL import Image

    rows = [line.split("\t") for line in (folder / f"{name}_lst" / f"{name}.lst").read_text().splitlines()]
    table = np.stack([np.asarray(Image.open(folder / name / path)) for _, _, path in rows])
    batch = torch.from_numpy(table).permute(0, 3, 1, 2).float().div_(255)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    batch.sub_(mean.reshape(1, 3, 1, 1)).div_(deviation.reshape(1, 3, 1, 1))
    return batch, torch.tensor([int(label) for _, label, _ in rows])


if __name__ == "__main__":
    what, place, *rest = sys.argv[1:]
    if what == "data":
        data(Path(place))
    else:
        print(train(Path(place), int(rest[0]), float(rest[1])))
