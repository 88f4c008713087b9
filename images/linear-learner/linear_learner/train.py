"""`python -m linear_learner.train`: trains Linear Learner, as evidence/linear-learner.md says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from toolkit.algorithm import channels
from toolkit.algorithm.channels import Table
from toolkit.algorithm.hyperparameters import Settings
from toolkit.algorithm.quality import Log
from toolkit.environment import Training
from toolkit.failure import UserError
from toolkit.train import leave, main

from linear_learner import artefact, fitting, hyperparameters, losses, metrics
from linear_learner.scaling import Scale

Array = NDArray[np.floating]

OBJECTIVES = {
    "logistic": "binary_classification_cross_entropy",
    "softmax_loss": "multiclass_cross_entropy",
    "squared_loss": "mse",
}
VARIANTS = (1.0, 0.1, 10.0, 0.01, 100.0, 0.001, 1000.0, 1e-4)
"""How the strengths of parallel models differ from what the job asks for."""


class Trainer:
    """One training: the scaled channels and what is known of them."""

    def __init__(self, job: Training) -> None:
        self.settings = hyperparameters.read(job.hyperparameters)
        self.kind = self.settings.text("predictor_type")
        self.log = Log(job.host)
        given = {name: _channel(job, self.settings, name) for name in ("train", "validation", "test")}
        train = given.pop("train")
        assert train is not None and train.labels is not None  # noqa: S101 - _channel requires them
        self.scale = Scale(self.settings, train)
        self.rows, self.epochs = train.rows, 0
        self.loss = losses.of(self.settings, self.scale.label_deviation)
        self.labels = train.labels
        self.outputs = self.settings.integer("num_classes") if self.kind == "multiclass_classifier" else 1
        features = self.scale.features(train.features)
        labels = self.scale.labels(self.labels)
        self.problem = fitting.Problem(features, labels, self._weights(), self.loss, self.outputs)
        self.held_out = {name: table for name, table in given.items() if table is not None}

    def run(self) -> tuple[Array, float]:
        """Train every parallel model; return the best one's weights, for rows as they come, and its
        threshold."""
        settings = self.settings
        count = settings.integer("num_models", 4 if "validation" in self.held_out else 1)
        best: tuple[float, Array, float] | None = None
        validation = self._scaled("validation")
        for number in range(min(count, len(VARIANTS))):
            weights = fitting.fit(
                self.problem, settings, self._strength(number), self._watch(number, count, validation)
            )
            worth, threshold = self._judge(weights, validation)
            if best is None or worth > best[0]:
                best = worth, weights, threshold
        assert best is not None  # noqa: S101 - num_models is at least 1
        _, weights, threshold = best
        self._report("train", self.problem.features, self.labels, weights, threshold)
        for name in self.held_out:
            scaled = self._scaled(name)
            assert scaled is not None and scaled.labels is not None  # noqa: S101 - held_out has it
            self._report(name, scaled.features, scaled.labels, weights, threshold)
        self.log.throughput(self.rows * self.epochs)
        return self.scale.unscaled(weights), threshold

    def _strength(self, number: int) -> fitting.Strength:
        times = VARIANTS[number]
        # 1/rows is what scikit-learn's C=1 amounts to.
        wd = self.settings.number("wd", 0.0 if self.kind == "regressor" else 1.0 / self.rows)
        rate = self.settings.number("learning_rate", 0.005)
        faster = rate if self.settings.given("learning_rate") else rate * max(0.1, min(10.0, times))
        return fitting.Strength(wd * times, self.settings.number("l1"), faster)

    def _watch(self, number: int, models: int, validation: Table | None) -> fitting.Watch:
        settings, epochs = self.settings, self.settings.integer("epochs")
        name = f"{self._objective()}_objective"
        seen: list[float] = []

        def watch(weights: Array) -> bool:
            epoch = len(seen)
            lost = self._lost(self.problem.features, self.problem.labels, weights)
            if number == 0:
                self.log.loss("train", name, lost, epoch=epoch)
            if validation is not None and validation.labels is not None:
                lost = self._lost(validation.features, self.scale.labels(validation.labels), weights)
                if number == 0:
                    self.log.loss("validation", name, lost, epoch=epoch)
            seen.append(lost)
            self.epochs += 1
            self.log.progress(number * epochs + epoch + 1, models * epochs)
            patience = settings.integer("early_stopping_patience")
            if len(seen) <= patience:
                return False
            before = min(seen[:-patience])
            better = before - min(seen[-patience:])
            return better < settings.number("early_stopping_tolerance") * abs(before)

        return watch

    def _judge(self, weights: Array, validation: Table | None) -> tuple[float, float]:
        """Return how good a model is and, of a binary classifier, its threshold."""
        features, labels = self.problem.features, self.labels
        if validation is not None and validation.labels is not None:
            features, labels = validation.features, validation.labels
        lost = self._lost(features, self.scale.labels(labels), weights)
        if self.kind != "binary_classifier":
            return -lost, 0.0
        limit = self.settings.integer("num_calibration_samples", len(labels))
        middle = 0.5 if self.settings.text("loss") == "logistic" else 0.0
        score = self._shown(fitting.scores(features[:limit], weights))
        threshold, worth = metrics.threshold(self.settings, score, labels[:limit], middle)
        return worth - 1e-6 * lost, threshold  # of two equally good ones, the one that is surer

    def _lost(self, features: object, labels: Array, weights: Array) -> float:
        lost, _ = self.loss(fitting.scores(features, weights), labels)
        return float(lost.mean(dtype=np.float64))

    def _report(
        self, channel: str, features: object, labels: Array, weights: Array, threshold: float
    ) -> None:
        raw = fitting.scores(features, weights)
        lost, _ = self.loss(raw, self.scale.labels(labels))
        mean = float(lost.mean(dtype=np.float64))
        self.log.loss(channel, f"{self._objective()}_objective", mean)
        settings, beta = self.settings, self.settings.number("f_beta")
        if self.kind == "regressor":
            plain = raw * self.scale.label_deviation + self.scale.label_mean
            for name, value in metrics.regression(plain, labels).items():
                self.log.loss(channel, name, value)
            return
        found = (
            metrics.binary(self._shown(raw), labels, threshold, beta)
            if self.kind == "binary_classifier"
            else metrics.multiclass(raw, labels, settings.integer("accuracy_top_k"), beta)
        )
        for name, value in found.items():
            self.log.score(channel, name, value)

    def _shown(self, raw: Array) -> Array:
        from scipy.special import expit

        found: Array = expit(raw) if self.settings.text("loss") == "logistic" else raw
        return found

    def _objective(self) -> str:
        loss = self.settings.text("loss")
        return OBJECTIVES.get(loss, loss)

    def _scaled(self, name: str) -> Table | None:
        table = self.held_out.get(name)
        return None if table is None else Table(self.scale.features(table.features), table.labels)

    def _weights(self) -> Array | None:
        labels = self.labels
        if self.kind == "multiclass_classifier" and self.settings.flag("balance_multiclass_weights"):
            counts = np.bincount(labels.astype(np.int64), minlength=self.outputs)
            each = len(labels) / (self.outputs * np.maximum(counts, 1))
            found: Array = each[labels.astype(np.int64)].astype(np.float32)
            return found
        written = self.settings.text("positive_example_weight_mult")
        if self.kind != "binary_classifier" or written in ("auto", "1", "1.0"):
            return None
        positive = float((labels > 0.5).sum())
        times = (len(labels) - positive) / max(1.0, positive) if written == "balanced" else float(written)
        return np.where(labels > 0.5, times, 1.0).astype(np.float32)


def train(job: Training) -> None:
    """Train on the channel `train`; leave the model in /opt/ml/model."""
    trainer = Trainer(job)
    weights, threshold = trainer.run()
    artefact.save(job.where.model, weights, trainer.kind, trainer.settings.text("loss"), threshold)


def _channel(job: Training, settings: Settings, name: str) -> Table | None:
    read = channels.required if name == "train" else channels.optional
    table = read(job, name, labels=1)
    if table is None:
        return None
    channels.check_width(table, settings.integer("feature_dim"), name)
    channels.finite(table, name)
    assert table.labels is not None  # noqa: S101 - asked for
    kind, labels = settings.text("predictor_type"), table.labels
    if kind == "regressor":
        return table
    classes = 2 if kind == "binary_classifier" else settings.integer("num_classes")
    wrong = (labels < 0) | (labels >= classes) | (labels != np.floor(labels))
    if wrong.any():
        row = int(wrong.argmax())
        raise UserError(
            f"The label of a {kind} must be a whole number from 0 to {classes - 1}; row {row + 1} of the "
            f"{name} channel has {labels[row]:g}."
        )
    return table


if __name__ == "__main__":
    leave(main(train))
