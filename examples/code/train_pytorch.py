"""Script mode for the PyTorch image: train a small network, and say how to load it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import torch


def network(features: int) -> torch.nn.Module:
    """Return the untrained network."""
    return torch.nn.Sequential(
        torch.nn.Linear(features, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1), torch.nn.Sigmoid()
    )


def model_fn(model_dir: str) -> torch.nn.Module:
    """Load what training saved."""
    saved = torch.load(Path(model_dir, "model.pth"), weights_only=True)
    model = network(saved["0.weight"].shape[1])
    model.load_state_dict(saved)
    return model.eval()


def predict_fn(rows: object, model: torch.nn.Module) -> np.ndarray:
    """Return the probability of the positive class, one number a row."""
    with torch.no_grad():
        return model(torch.as_tensor(rows, dtype=torch.float32)).numpy()[:, 0]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=30)
    args = parser.parse_args()
    folder = Path(os.environ["SM_CHANNEL_TRAIN"])
    data = np.concatenate(
        [np.loadtxt(path, delimiter=",", dtype="float32") for path in sorted(folder.glob("*.csv"))]
    )
    torch.manual_seed(7)
    rows, labels = torch.from_numpy(data[:, 1:].copy()), torch.from_numpy(data[:, :1].copy())
    model = network(rows.shape[1])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for epoch in range(args.epochs):
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy(model(rows), labels)
        loss.backward()
        optimizer.step()
        print(f"epoch={epoch} loss={loss.item():.6f};")
    torch.save(model.state_dict(), Path(os.environ["SM_MODEL_DIR"], "model.pth"))
