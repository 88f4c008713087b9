"""What happens after each round: the metrics line, the checkpoint, and the end that SIGTERM asks for."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from sagemaker_xgboost import checkpoints

TAB = "#011"
"""How CloudWatch shows a tab; the documented metric expressions look for it."""


class Progress:
    """A training callback; XGBoost is told so by `register`, as importing it takes longer than reading the
    data."""

    def __init__(
        self,
        done: int,
        checkpoint_folder: Path | None,
        *,
        told: bool = True,
        agreed: Callable[[bool], bool] = bool,
    ) -> None:
        self.done, self.folder, self.told, self.agreed = done, checkpoint_folder, told, agreed
        self.stopping = self.stopped = False
        signal.signal(signal.SIGTERM, self._stop)

    def before_training(self, model: Any) -> Any:
        """Change nothing."""
        return model

    def after_training(self, model: Any) -> Any:
        """Change nothing."""
        return model

    def before_iteration(self, model: Any, epoch: int, evals_log: object) -> bool:
        """Go on, unless SIGTERM came."""
        return self.stopped

    def after_iteration(
        self, model: Any, epoch: int, evals_log: Mapping[str, Mapping[str, Sequence[Any]]]
    ) -> bool:
        """Print the line the metric expressions read, save a checkpoint where one is wanted, stop when
        asked to."""
        number = self.done + epoch
        if self.told:  # of several hosts one tells
            print(line(number, evals_log), flush=True)
        if self.folder is not None:
            checkpoints.save(model, self.folder, number)
        self.stopped = self.agreed(self.stopping)  # a host that stopped alone would leave others waiting
        if self.stopped:
            print("SIGTERM came: the training stops after this round and keeps its model.", flush=True)
        return self.stopped

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True  # and nothing else: the handler may have come in the middle of a print


def line(number: int, scores: Mapping[str, Mapping[str, Sequence[Any]]]) -> str:
    """Word one round: `[3]#011train-rmse:0.12345#011validation-rmse:0.23456`."""
    parts = [
        f"{data}-{metric}:{_last(values):.5f}"
        for data, metrics in scores.items()
        for metric, values in metrics.items()
    ]
    return TAB.join([f"[{number}]", *parts])


def _last(values: Sequence[Any]) -> float:
    newest = values[-1]
    return float(newest[0] if isinstance(newest, tuple) else newest)
