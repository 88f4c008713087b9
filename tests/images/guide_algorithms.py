"""The tables of docs/guide-algorithms.md, made from the images: `python -m tests.images.guide_algorithms`
writes them anew."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "images"
PAGE = ROOT / "docs" / "guide-algorithms.md"
CHECKED = "checked, changes nothing"
PART = re.compile(r"(<!-- (hyperparameters|metrics) (\S+) -->\n).*?(<!-- / -->)", re.DOTALL)


class Guided(NamedTuple):
    """One algorithm: what its programs are called, where its hyperparameters are declared, and of these what
    is inert, each with another value to show it, and what counts only sometimes."""

    package: str
    declared: str
    inert: Mapping[str, object] = {}
    sometimes: Mapping[str, str] = {}


GUIDED: Mapping[str, Guided] = {
    "sagemaker-xgboost": Guided(
        "sagemaker_xgboost",
        "hyperparameters",
        {
            "predictor": "cpu_predictor",
            "dsplit": "row",
            "sketch_eps": 0.5,
            "single_precision_histogram": "true",
            "deterministic_histogram": "false",
            "prob_buffer_row": 2,
            "use_dask_gpu_training": "true",
            "lambda_bias": 0.5,
            "save_model_on_termination": "true",
        },
        {"silent": "tags before 1.2 only; 1 is verbosity 0"},
    ),
    "lightgbm": Guided(
        "sagemaker_lightgbm",
        "hyperparameters",
        {"tree_learner": "data"},
        {
            "is_unbalance": "binary only",
            "scale_pos_weight": "binary only",
            "tweedie_variance_power": "tweedie only",
            "early_stopping_rounds": "not with boosting dart",
        },
    ),
    "catboost": Guided(
        "sagemaker_catboost",
        "train",
        {"bagging_temperature": 5},
        {
            "boosting_type": "`Ordered` with grow_policy SymmetricTree only",
            "max_leaves": "grow_policy Lossguide only",
            "min_data_in_leaf": "not with grow_policy SymmetricTree",
            "sampling_frequency": "with grow_policy Lossguide `PerTree`, and no other",
            "scale_pos_weight": "binary only",
            "verbose": "every how many rounds the log has a line",
        },
    ),
    "linear-learner": Guided("linear_learner", "hyperparameters"),
    "kmeans": Guided(
        "kmeans",
        "train",
        {
            "epochs": 3,
            "mini_batch_size": 10,
            "extra_center_factor": 2,
            "half_life_time_size": 5,
            "init_method": "kmeans++",
        },
    ),
    "pca": Guided(
        "pca", "train", {"mini_batch_size": 7}, {"extra_components": "algorithm_mode randomized only"}
    ),
    "knn": Guided(
        "knn",
        "train",
        {
            "index_type": "faiss.IVFFlat",
            "faiss_index_ivf_nlists": 3,
            "faiss_index_pq_m": 2,
            "mini_batch_size": 10,
        },
    ),
    "factorization-machines": Guided("factorization_machines", "train", {"eps": 0.5}),
    "randomcutforest": Guided("randomcutforest", "train", {"mini_batch_size": 10}),
    "lda": Guided("lda", "train", {"mini_batch_size": 7, "max_restarts": 3, "tol": 0.1}),
    "blazingtext": Guided(
        "blazingtext",
        "hyperparameters",
        {"batch_size": 15},
        {
            **dict.fromkeys(("buckets",), "with word_ngrams above 1, or subwords"),
            **dict.fromkeys(("min_char", "max_char"), "with subwords"),
            **dict.fromkeys(
                ("evaluation", "negative_samples", "sampling_threshold", "window_size"), "word vectors only"
            ),
            "subwords": "modes skipgram and cbow only; refused with batch_skipgram",
            **dict.fromkeys(("early_stopping", "word_ngrams"), "supervised only"),
            **dict.fromkeys(("min_epochs", "patience"), "with early_stopping"),
        },
    ),
    "forecasting-deepar": Guided(
        "forecasting_deepar",
        "hyperparameters",
        {},
        {
            "embedding_dimension": "with cardinality",
            **dict.fromkeys(("num_eval_samples", "test_quantiles"), "with a channel test"),
        },
    ),
    "image-classification": Guided(
        "image_classification",
        "hyperparameters",
        {"num_training_samples": 7, "kv_store": "dist_sync"},
        {
            **dict.fromkeys(("beta_1", "beta_2"), "adam only"),
            "eps": "adam and rmsprop only",
            "gamma": "rmsprop only",
            **dict.fromkeys(("momentum", "weight_decay"), "sgd and nag only"),
            **dict.fromkeys(
                ("early_stopping_min_epochs", "early_stopping_patience", "early_stopping_tolerance"),
                "with early_stopping",
            ),
            "lr_scheduler_factor": "with lr_scheduler_step",
            "precision_dtype": "`float16` is refused",
            "use_pretrained_model": "1 needs a channel model",
            "use_weighted_loss": "with multi_label",
        },
    ),
}


def written() -> str:
    """Return the page with the tables of today's images."""
    return PART.sub(
        lambda part: (
            f"{part[1]}{_hyperparameters(part[3]) if part[2][0] == 'h' else _metrics(part[3])}{part[4]}"
        ),
        PAGE.read_text(encoding="utf-8"),
    )


def known(image: str) -> set[str]:
    """Return the names of an algorithm's own hyperparameters."""
    return {name for name, *_ in _declared(image)}


def _hyperparameters(image: str) -> str:
    guided = GUIDED[image]
    lines = ["| Hyperparameter | Expects | Default | |", "| --- | --- | --- | --- |"]
    for name, expected, default in _declared(image):
        beside = CHECKED if name in guided.inert else guided.sometimes.get(name, "")
        lines.append(f"| `{name}` | {expected} | {default} | {beside} |")
    return "\n".join(lines) + "\n"


def _metrics(image: str) -> str:
    metrics = tomllib.loads((IMAGES / image / "image.toml").read_text())["metrics"]
    return f"Metrics: {', '.join(f'`{name}`' for name in metrics)}.\n"


def _declared(image: str) -> Iterator[tuple[str, str, str]]:
    sys.path[:0] = [str(IMAGES / "toolkit"), str(IMAGES / image)]
    try:
        shared = importlib.import_module("toolkit.algorithm.hyperparameters")
        module = importlib.import_module(f"{GUIDED[image].package}.{GUIDED[image].declared}")
    finally:
        del sys.path[:2]
    table = vars(module).get("DECLARED") or vars(module)["PARAMETERS"]
    for name, one in table.items():
        if name.startswith("_") or name in shared.declare(""):
            continue
        required = getattr(one, "required", name == "num_round")
        default = (
            "required"
            if required
            else "auto"
            if getattr(one, "auto", False)
            else getattr(one, "default", None)
        )
        yield name, _expected(one.kind, one.domain), default or ""


def _expected(kind: str, domain: str) -> str:
    if kind in ("choice", "list") and domain:
        return f"{'any of ' if kind == 'list' else ''}{', '.join(f'`{word}`' for word in domain.split())}"
    return f"{kind} in {domain.replace('inf', '∞')}" if domain else kind


MADE = {"hyperparameters": _hyperparameters, "metrics": _metrics}

if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
