"""The built-in BlazingText, held against the fastText library."""

from __future__ import annotations

import json
import os
import random
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.images.algorithm import Algorithm, metric_of
from tests.images.container import Container
from toolkit.failure import UserError
from toolkit.recordio import MAGIC

from blazingtext import hyperparameters, similarity

TOPICS = {
    "sea": ["ship", "wave", "sail", "harbour", "captain", "anchor", "storm", "sailor", "island", "tide"],
    "kitchen": ["pot", "spoon", "oven", "bread", "butter", "salt", "pepper", "dough", "kettle", "plate"],
    "music": ["violin", "chord", "drum", "song", "melody", "piano", "tune", "rhythm", "flute", "choir"],
}
SMALL = {"vector_dim": 8, "buckets": 1000, "min_count": 1}
PREDICTED = """
import fasttext, json, sys
model = fasttext.load_model(sys.argv[1])
print(json.dumps([[list(labels), chances.tolist()] for labels, chances in
                  (model.predict(text, k=2) for text in json.loads(sys.argv[2]))]))
"""
VECTORS = """
import fasttext, json, sys
model = fasttext.load_model(sys.argv[1])
rows = model.get_input_matrix()
vectors = [rows[model.get_subwords(word)[1]].mean(axis=0).tolist() for word in json.loads(sys.argv[2])]
print(json.dumps([model.get_words(), vectors]))
"""
PRETRAINED = """
import fasttext, sys
text, path = sys.argv[1:]
model = fasttext.train_supervised(text, dim=4, epoch=50, wordNgrams=2, bucket=1000, thread=1, verbose=0)
if path.endswith(".ftz"):
    model.quantize()
model.save_model(path)
print("0")
"""


@pytest.fixture
def blazingtext(image: Callable[[str], Container]) -> Algorithm:
    return Algorithm(image("blazingtext"), "blazingtext")


def sentences(count: int, seed: int) -> list[tuple[str, str]]:
    """Make sentences of one topic each, with filling words between."""
    dice = random.Random(seed)  # noqa: S311 - sentences, not secrets
    filling = ["the", "a", "of", "and", "with", "near"]
    made = []
    for _ in range(count):
        topic = dice.choice(sorted(TOPICS))
        words = [dice.choice(TOPICS[topic] + filling) for _ in range(8)]
        made.append((topic, " ".join([dice.choice(TOPICS[topic]), *words])))
    return made


def labelled(count: int, seed: int = 0) -> bytes:
    """Make the text of a channel for the mode supervised."""
    return "".join(f"__label__{topic} {text}\n" for topic, text in sentences(count, seed)).encode()


def plain(count: int, seed: int = 0) -> bytes:
    """Make the text of a channel for word vectors."""
    return "".join(f"{text}\n" for _, text in sentences(count, seed)).encode()


def test_a_classifier_learns_and_answers_as_the_open_library_does_with_its_model(
    blazingtext: Algorithm,
) -> None:
    blazingtext.channels({"train": labelled(300), "validation": labelled(100, 1)}, "text/plain")
    log = blazingtext.fit(mode="supervised", epochs=30, learning_rate=0.5, **SMALL)
    assert metric_of("blazingtext", "train:accuracy", log) > 0.95
    assert metric_of("blazingtext", "validation:accuracy", log) > 0.95
    assert "Number of train examples: 300" in log
    assert "Number of validation examples: 100" in log
    assert "Progress: 100.00%" in log
    texts = ["the captain and the anchor", "salt of the kettle", "words it never saw"]
    truth = blazingtext.ask(PREDICTED, str(blazingtext.model / "model.bin"), json.dumps(texts))
    with blazingtext.serve() as server:
        body = json.dumps({"instances": texts, "configuration": {"k": 2}})
        status, media, answer = server.invoke(body, "application/json", "text/csv")
        told = json.loads(answer)
        assert (status, media) == (200, "application/json")
        assert [[one["label"], one["prob"]] for one in told] == truth
        assert [one["label"][0] for one in told[:2]] == ["__label__sea", "__label__kitchen"]
        [only] = json.loads(server.invoke(json.dumps({"instances": texts[:1]}), "application/json")[2])
        assert only == {"label": truth[0][0][:1], "prob": truth[0][1][:1]}
        lines = "".join(json.dumps({"source": text, "k": 2}) + "\n" for text in texts)
        status, media, answer = server.invoke(lines, "application/jsonlines")
        assert (status, media) == (200, "application/jsonlines")
        assert [json.loads(line) for line in answer.splitlines()] == told
        for body, media, code in (
            ("{", "application/json", 400),
            ('{"instances": "one"}', "application/json", 400),
            ('{"instances": ["one"], "configuration": {"k": 0}}', "application/json", 400),
            ('{"text": "one"}', "application/jsonlines", 400),
            ("one", "text/csv", 415),
        ):
            assert server.invoke(body, media)[0] == code


def test_early_stopping_ends_a_training_that_gets_no_better_and_keeps_the_best_model(
    blazingtext: Algorithm,
) -> None:
    blazingtext.channels({"train": labelled(300), "validation": labelled(100, 1)}, "text/plain")
    log = blazingtext.fit(
        mode="supervised", epochs=1000000, learning_rate=0.5, early_stopping=True, patience=3, **SMALL
    )
    assert "Stopping after epoch" in log
    assert "Progress: 100" not in log
    best = max(
        float(line.split()[-1]) for line in log.splitlines() if line.startswith("Validation accuracy:")
    )
    assert metric_of("blazingtext", "validation:accuracy", log) == pytest.approx(best, abs=0.02)


@pytest.mark.parametrize("mode", ["skipgram", "batch_skipgram", "cbow"])
def test_word_vectors_are_the_open_librarys_and_words_unknown_are_zeros(
    blazingtext: Algorithm, mode: str
) -> None:
    blazingtext.channels({"train": plain(500)}, "text/plain")
    log = blazingtext.fit(mode=mode, epochs=10, sampling_threshold=0.01, batch_size=11, **SMALL)
    assert "No mean_rho" in log
    assert json.loads((blazingtext.model / "eval.json").read_text()) == {
        "EN-WS-353-ALL.txt": {"not_found": 352, "spearmans_rho": None, "total_pairs": 353},
        "mean_rho": None,
    }
    head, *rows = (blazingtext.model / "vectors.txt").read_text().splitlines()
    written = {row.split(" ")[0]: [float(number) for number in row.split(" ")[1:]] for row in rows}
    words, vectors = blazingtext.ask(
        VECTORS, str(blazingtext.model / "vectors.bin"), json.dumps(["ship", "oven"])
    )
    assert head == f"{len(words)} 8"
    assert list(written) == words
    assert [written["ship"], written["oven"]] == [pytest.approx(each, rel=1e-5) for each in vectors]
    with blazingtext.serve() as server:
        body = json.dumps({"instances": ["ship", "unheard"]})
        known, unknown = json.loads(server.invoke(body, "application/json")[2])
        assert known == {"word": "ship", "vector": vectors[0]}
        assert unknown == {"word": "unheard", "vector": [0.0] * 8}
        answer = server.invoke('{"source": "ship"}\n', "application/jsonlines")[2]
        assert json.loads(answer) == known


def test_subwords_give_a_word_that_was_never_seen_a_vector(blazingtext: Algorithm) -> None:
    blazingtext.channels({"train": plain(200)}, "text/plain")
    blazingtext.fit(mode="cbow", epochs=2, subwords=True, evaluation=False, **SMALL)
    assert not (blazingtext.model / "eval.json").exists()
    with blazingtext.serve() as server:
        body = json.dumps({"instances": ["shipping"]})
        [told] = json.loads(server.invoke(body, "application/json")[2])
    path = str(blazingtext.model / "vectors.bin")
    [expected] = blazingtext.ask(VECTORS, path, json.dumps(["shipping"]))[1]
    assert told == {"word": "shipping", "vector": pytest.approx(expected)}
    assert any(expected)


def test_an_augmented_manifest_comes_as_records_of_text_and_label_through_a_pipe(
    blazingtext: Algorithm,
) -> None:
    records: list[str] = []
    for number, (topic, text) in enumerate(sentences(300, 0)):
        records += [text, json.dumps([topic, "even" if number % 2 else "odd"])]
    pipe = blazingtext.container.ml / "input/data/train_0"
    os.mkfifo(pipe)
    writer = threading.Thread(target=_fill, args=(pipe, records))
    writer.start()
    told = {
        "TrainingInputMode": "Pipe",
        "RecordWrapperType": "RecordIO",
        "ContentType": "application/x-recordio",
    }
    hyperparameters = {"mode": "supervised", "epochs": 30, "learning_rate": 0.5, **SMALL}
    texts = {name: str(value) for name, value in hyperparameters.items()}
    blazingtext.container.configure(texts, {"train": told})
    code, log = blazingtext.container.run("blazingtext.train")
    writer.join()
    assert code == 0, log
    assert "Number of labels: 5" in log
    assert "Number of train examples: 300" in log


def test_plain_text_is_read_from_a_pipe(blazingtext: Algorithm) -> None:
    pipe = blazingtext.container.ml / "input/data/train_0"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(plain(50),))
    writer.start()
    blazingtext.container.configure(
        {"mode": "cbow", "min_count": "1"}, {"train": {"TrainingInputMode": "Pipe"}}
    )
    code, log = blazingtext.container.run("blazingtext.train")
    writer.join()
    assert code == 0, log
    assert "\nship " in (blazingtext.model / "vectors.txt").read_text()


def _fill(pipe: Path, records: list[str]) -> None:
    with pipe.open("wb") as file:
        for record in records:
            body = record.encode()
            file.write(struct.pack("<II", MAGIC, len(body)) + body + bytes(-len(body) % 4))


def test_several_files_are_one_text(blazingtext: Algorithm) -> None:
    blazingtext.channels({"train": plain(100)}, "text/plain")
    folder = blazingtext.container.ml / "input/data/train"
    (folder / "more.txt").write_bytes(b"one more sentence\n")
    blazingtext.fit(mode="cbow", epochs=1, **SMALL)
    assert "\nsentence " in (blazingtext.model / "vectors.txt").read_text()


@pytest.mark.parametrize("name", ["model.bin", "theirs.bin", "theirs.ftz"])
def test_a_model_that_fasttext_trained_is_hosted_whatever_its_name(
    blazingtext: Algorithm, tmp_path: Path, name: str
) -> None:
    text = tmp_path / "text.txt"
    text.write_bytes(labelled(200))
    blazingtext.ask(PRETRAINED, str(text), str(blazingtext.model / name))
    with blazingtext.serve() as server:
        [told] = json.loads(server.invoke('{"instances": ["violin choir"]}', "application/json")[2])
        assert told["label"] == ["__label__music"]


@pytest.mark.parametrize(
    ("train", "given", "reason"),
    [
        (None, {}, "'train' is a required channel"),
        (
            plain(50),
            {},
            "The train channel has no labels: no word of its first 1000 lines begins with __label__",
        ),
        (labelled(50), {"early_stopping": True}, "there is no validation channel"),
        (labelled(50), {"min_count": 1000}, "No word of the train channel occurs min_count=1000 times"),
        (labelled(50), {"patience": 0}, "The value '0' is not valid for the 'patience' hyperparameter"),
    ],
)
def test_what_cannot_be_trained_says_what_would_be_right(
    blazingtext: Algorithm, train: bytes | None, given: dict[str, object], reason: str
) -> None:
    blazingtext.channels({"train": train} if train else {}, "text/plain")
    code, _ = blazingtext.train(**{"mode": "supervised", **SMALL, **given})
    assert code != 0
    assert reason in blazingtext.container.failure


def test_a_training_with_early_stopping_says_what_is_wrong_too(blazingtext: Algorithm) -> None:
    blazingtext.channels({"train": labelled(50), "validation": labelled(50, 1)}, "text/plain")
    code, _ = blazingtext.train(mode="supervised", early_stopping=True, **{**SMALL, "min_count": 1000})
    assert code != 0
    assert "No word of the train channel occurs min_count=1000 times" in blazingtext.container.failure


def test_a_file_that_is_no_model_of_fasttext_is_named(blazingtext: Algorithm) -> None:
    (blazingtext.model / "model.bin").write_bytes(b"no model" * 10)
    code, said = blazingtext.container.run("blazingtext.serve")
    assert code == 1
    assert "model.bin is not a model file of fastText" in said


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "'mode' is a required property"),
        ({"mode": "glove"}, "expects one of batch_skipgram, skipgram, cbow, supervised"),
        ({"mode": "cbow", "learning_rate": 0}, "expects a number in (0, ∞)"),
        ({"mode": "cbow", "vector_dims": 10}, "'vector_dims' unexpected"),
        ({"mode": "batch_skipgram", "subwords": "True"}, "subwords is for the modes skipgram and cbow"),
        ({"mode": "cbow", "subwords": True, "min_char": 7}, "min_char is 7, max_char 6"),
    ],
)
def test_a_wrong_hyperparameter_is_named(given: dict[str, bool | int | str], reason: str) -> None:
    with pytest.raises(UserError) as wrong:
        hyperparameters.checked(dict(given))
    assert reason in str(wrong.value)


def test_defaults_are_the_documented_ones_and_what_a_mode_does_not_use_is_told() -> None:
    settings = hyperparameters.checked({"mode": "skipgram", "batch_size": 11, "patience": 4})
    assert settings.number("learning_rate") == 0.05
    assert settings.integer("buckets") == 2000000
    assert hyperparameters.idle(settings, {"mode": "skipgram", "batch_size": 11, "patience": 4}) == [
        "batch_size",
        "patience",
    ]


def test_word_similarity_is_spearmans_rank_correlation_over_the_pairs_that_are_known() -> None:
    pairs = similarity.pairs()
    assert len(pairs) == 353

    def told(word: str) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
        return np.array([1.0, float(len(word))]) if word not in ("tiger", "book") else None

    result = similarity.evaluate(told)
    assert result["not_found"] == sum(bool({one, two} & {"tiger", "book"}) for one, two, _ in pairs)
    assert similarity.spearman(np.array([1.0, 2, 3, 4]), np.array([1.0, 8, 27, 64])) == pytest.approx(1)
    # With ties: ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4.
    assert similarity.spearman(np.array([1.0, 2, 2, 3]), np.array([1.0, 2, 3, 4])) == pytest.approx(0.9486833)
    assert similarity.spearman(np.array([1.0, 1]), np.array([1.0, 2])) is None
