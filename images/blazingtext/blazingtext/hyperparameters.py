"""The documented hyperparameters of BlazingText, of both its uses."""

from __future__ import annotations

from collections.abc import Mapping

from toolkit.algorithm.hyperparameters import Settings, check, declare
from toolkit.contract import Json
from toolkit.failure import UserError

# One table for all modes: a tuning job varies the mode and keeps the rest.
DECLARED = declare("""
mode                choice   batch_skipgram skipgram cbow supervised  required
epochs              integer  [1, inf)  5
learning_rate       number   (0, inf)  0.05
min_count           integer  [0, inf)  5
vector_dim          integer  [1, inf)  100
buckets             integer  [1, inf)  2000000
batch_size          integer  [1, inf)  11
evaluation          boolean  -         true
min_char            integer  [1, inf)  3
max_char            integer  [1, inf)  6
negative_samples    integer  [1, inf)  5
sampling_threshold  number   (0, 1)    0.0001
subwords            boolean  -         false
window_size         integer  [1, inf)  5
early_stopping      boolean  -         false
min_epochs          integer  [1, inf)  5
patience            integer  [1, inf)  4
word_ngrams         integer  [1, inf)  2
""")
WORDS_ONLY = (
    "batch_size",
    "evaluation",
    "min_char",
    "max_char",
    "negative_samples",
    "sampling_threshold",
    "subwords",
    "window_size",
)
TEXTS_ONLY = ("early_stopping", "min_epochs", "patience", "word_ngrams")


def checked(given: Mapping[str, Json]) -> Settings:
    """Check every hyperparameter and how they fit together."""
    settings = check(given, DECLARED)
    if settings.text("mode") == "batch_skipgram" and settings.flag("subwords"):
        raise UserError(
            "subwords is for the modes skipgram and cbow; the mode is batch_skipgram. Choose one of "
            "them, or set subwords to False."
        )
    if settings.flag("subwords") and settings.integer("min_char") > settings.integer("max_char"):
        raise UserError(
            f"min_char is {settings.integer('min_char')}, max_char {settings.integer('max_char')}; min_char "
            f"must not be greater."
        )
    return settings


def idle(settings: Settings, given: Mapping[str, Json]) -> list[str]:
    """Name the given hyperparameters that the chosen mode does not use."""
    mode = settings.text("mode")
    unused = set(WORDS_ONLY if mode == "supervised" else TEXTS_ONLY)
    if mode != "supervised":
        unused |= set() if settings.flag("subwords") else {"buckets", "min_char", "max_char"}
        unused |= {"batch_size"}
    elif not settings.flag("early_stopping"):
        unused |= {"min_epochs", "patience"}
    return sorted(unused & given.keys())
