"""Script mode: train in steps, keep every step in /opt/ml/checkpoints, go on from what is there."""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import torch

CHECKPOINTS = Path("/opt/ml/checkpoints")
BOARD = Path("/opt/ml/output/tensorboard")


def main(epochs: int, pause: float) -> None:
    """Fit a line, a step an epoch."""
    torch.manual_seed(3)
    x = torch.linspace(-1, 1, 64).unsqueeze(1)
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    first = 0
    if (saved := CHECKPOINTS / "last.pt").exists():
        state = torch.load(saved, weights_only=True)
        model.load_state_dict(state["model"])
        first = state["epoch"] + 1
        print(f"resumed at epoch {first}", flush=True)
    BOARD.mkdir(parents=True, exist_ok=True)
    CHECKPOINTS.mkdir(parents=True, exist_ok=True)
    for epoch in range(first, epochs):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), 3 * x + 1)
        loss.backward()
        optimizer.step()
        written = CHECKPOINTS / "next"
        torch.save({"epoch": epoch, "model": model.state_dict()}, written)
        written.replace(saved)
        with (BOARD / "events.json").open("a") as events:
            events.write(json.dumps({"epoch": epoch, "loss": loss.item()}) + "\n")
        print(f"epoch={epoch} loss={loss.item():.6f};", flush=True)
        time.sleep(pause)  # a real epoch takes its time, and capacity is taken back in the middle of one
    torch.save(model.state_dict(), Path(os.environ["SM_MODEL_DIR"], "model.pth"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--pause", type=float, default=0.0)
    args = parser.parse_args()
    main(args.epochs, args.pause)
