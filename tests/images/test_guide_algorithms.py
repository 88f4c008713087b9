"""docs/guide-algorithms.md says what is so: its tables, its blocks of code, and what changes nothing."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from tests.images.algorithm import Algorithm
from tests.images.container import IMAGES, Container
from tests.images.guide_algorithms import GUIDED, PAGE, known, written
from tests.images.pictures import drawn, records, write

SECTION = re.compile(r"^## .*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
ENOUGH: Mapping[str, dict[str, object]] = {
    "sagemaker-xgboost": {"num_round": 3, "objective": "binary:logistic"},
    "lightgbm": {"num_boost_round": 3},
    "catboost": {"iterations": 3, "learning_rate": 0.1},
    "linear-learner": {"predictor_type": "binary_classifier", "epochs": 2},
    "kmeans": {"k": 3, "feature_dim": 4},
    "pca": {"num_components": 2, "feature_dim": 4, "mini_batch_size": 50},
    "knn": {"k": 3, "feature_dim": 4, "sample_size": 100, "predictor_type": "classifier"},
    "factorization-machines": {"num_factors": 2, "feature_dim": 4, "predictor_type": "binary_classifier"},
    "randomcutforest": {"feature_dim": 4},
    "lda": {"num_topics": 2, "feature_dim": 4, "mini_batch_size": 50},
    "blazingtext": {"mode": "supervised", "min_count": 1, "vector_dim": 4, "buckets": 100},
    "forecasting-deepar": {"time_freq": "D", "epochs": 1, "context_length": 4, "prediction_length": 2},
    "image-classification": {
        "num_classes": 2,
        "num_training_samples": 8,
        "num_layers": 20,
        "image_shape": "3,16,16",
        "epochs": 1,
    },
}
"""For each algorithm the hyperparameters of a training that takes no time."""
WHERE_IT_COULD_COUNT: Mapping[str, dict[str, object]] = {"blazingtext": {"mode": "batch_skipgram"}}
TOLD_BY_THE_BLOCK = ("catboost", "randomcutforest")
UNLABELLED = ("kmeans", "pca", "randomcutforest", "lda")


def section(image: str) -> str:
    """Return an algorithm's part of the page."""
    [found] = [part for part in SECTION.findall(PAGE.read_text()) if f"<!-- metrics {image} -->" in part]
    return str(found)


def test_the_tables_are_what_the_images_say() -> None:
    assert PAGE.read_text() == written(), "run `python -m tests.images.guide_algorithms`"


@pytest.mark.parametrize("name", GUIDED)
def test_a_section_names_the_repositories_and_no_hyperparameter_that_is_not_there(name: str) -> None:
    repositories = tomllib.loads((IMAGES / name / "image.toml").read_text())["repositories"]
    line = next(line for line in section(name).splitlines() if line.startswith("Repository: "))
    assert re.findall(r"`([^`]+)`", line.partition(". ")[0]) == repositories
    assert known(name) >= set(GUIDED[name].inert) | set(GUIDED[name].sometimes)


@pytest.mark.slow
@pytest.mark.parametrize("name", GUIDED)
def test_a_model_loads_as_the_page_says_and_what_is_inert_changes_nothing(
    name: str, image: Callable[[str], Container]
) -> None:
    algorithm = Algorithm(image(name), GUIDED[name].package)
    algorithm.container.environment["SM_NUM_CPUS"] = "1"
    _fill(algorithm, name)
    algorithm.fit(**ENOUGH[name])
    _shown(algorithm, section(name))
    if GUIDED[name].inert:
        chosen = {**ENOUGH[name], **WHERE_IT_COULD_COUNT.get(name, {})}
        assert _left(algorithm, name, chosen) == _left(algorithm, name, {**chosen, **GUIDED[name].inert})


def _fill(algorithm: Algorithm, name: str) -> None:
    if name == "blazingtext":
        algorithm.channels(
            {"train": b"__label__a one two three\n__label__b four five six\n" * 50}, "text/plain"
        )
        return
    if name == "forecasting-deepar":
        algorithm.channels(
            {"train": b'{"start": "2026-01-01", "target": [1, 2, 3, 4, 5, 6, 7, 8]}\n' * 4}, "json"
        )
        return
    if name == "image-classification":
        for channel in ("train", "validation"):
            write(algorithm.container.ml / "input/data" / channel, "some.rec", records(drawn(8)))
        algorithm.channels({})
        return
    rows = np.random.default_rng(0).integers(0, 9, (300, 4)).astype(float)
    labels = (rows.sum(axis=1) > 16).astype(float)
    table = rows if name in UNLABELLED else np.column_stack([labels, rows])
    algorithm.channels({"train": table}, "text/csv;label_size=0" if name in UNLABELLED else "text/csv")


def _shown(algorithm: Algorithm, part: str) -> str:
    [block] = re.findall(r"```python\n(.*?)```", part, re.DOTALL)
    line = [algorithm.container.python, "-c", block]
    done = subprocess.run(line, check=True, capture_output=True, text=True, cwd=algorithm.model)  # noqa: S603
    assert done.stdout.strip()
    return done.stdout


def _left(algorithm: Algorithm, name: str, hyperparameters: Mapping[str, object]) -> object:
    """Train; return the files, or what the page shows of a file that also tells how or when it was made."""
    for path in algorithm.model.iterdir():
        path.unlink()
    algorithm.fit(**hyperparameters)
    if name in TOLD_BY_THE_BLOCK:
        return _shown(algorithm, section(name))
    return {path.name: path.read_bytes() for path in algorithm.model.iterdir()}
