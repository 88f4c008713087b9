"""`python -m blazingtext.train`: trains word vectors or a text classifier with fastText.

How it compares with AWS's: evidence/blazingtext.md.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from toolkit.algorithm.hyperparameters import Settings
from toolkit.algorithm.quality import Log
from toolkit.environment import Training, cpus
from toolkit.failure import UserError
from toolkit.train import leave, main

from blazingtext import corpus, similarity
from blazingtext.fitting import Fitting, apart, arguments, run_to_end, stop_early
from blazingtext.hyperparameters import checked, idle
from blazingtext.vectors import Vectors


def train(job: Training) -> None:
    """Train on the channel `train`; leave vectors.bin and vectors.txt, or model.bin, in /opt/ml/model."""
    settings = checked(job.hyperparameters)
    if len(job.hosts) > 1:
        raise UserError(
            f"This job has {len(job.hosts)} hosts; Clary's BlazingText trains on one. Set InstanceCount to 1."
        )
    log = Log(job.host)
    if unused := idle(settings, job.hyperparameters):
        log.say(f"The mode {settings.text('mode')} does not use {', '.join(unused)}.")
    with tempfile.TemporaryDirectory() as folder:
        text = corpus.required(job, "train", Path(folder))
        log.say(f"Running single machine CPU BlazingText training using {settings.text('mode')} mode.")
        log.say(f"Processing {text} . File size: {text.stat().st_size / 2**20:.4g} MB")
        work = _classify if settings.text("mode") == "supervised" else _embed
        work(job, settings, log, text, Path(folder))


def _embed(job: Training, settings: Settings, log: Log, text: Path, scratch: Path) -> None:
    fitting = Fitting(arguments(settings, text, cpus()))
    begun = time.monotonic()
    run_to_end(fitting)
    _finished(begun)
    fitting.model.saveModel(str(job.where.model / "vectors.bin"))
    vectors = Vectors(fitting.model)
    words = vectors.words()
    _write(job.where.model / "vectors.txt", words, vectors)
    if settings.flag("evaluation"):
        print("Evaluating word embeddings....")
        known = set(words)
        result = similarity.evaluate(lambda word: vectors.of(word).astype(float) if word in known else None)
        told = {similarity.SET: result, "mean_rho": result["spearmans_rho"]}
        print(json.dumps(told, indent=4))
        (job.where.model / "eval.json").write_text(json.dumps(told, indent=4))
        if result["spearmans_rho"] is None:
            log.say("No mean_rho: fewer than two pairs of WS-353 have both their words in the vocabulary.")
        else:
            log.say(f"#mean_rho: {result['spearmans_rho']}")


def _classify(job: Training, settings: Settings, log: Log, text: Path, scratch: Path) -> None:
    corpus.labelled(text, "train")
    validation = corpus.optional(job, "validation", scratch)
    if validation is not None:
        corpus.labelled(validation, "validation")
    target = job.where.model / "model.bin"
    begun = time.monotonic()
    if settings.flag("early_stopping"):
        if validation is None:
            raise UserError(
                "early_stopping is True and there is no validation channel to measure the accuracy on. Give "
                "the job one, or set early_stopping to False."
            )
        watched = validation
        apart(lambda: stop_early(Fitting(arguments(settings, text, cpus())), settings, watched, target))
        import fasttext_pybind as library

        model = library.fasttext()
        model.loadModel(str(target))
    else:
        fitting = Fitting(arguments(settings, text, cpus()))
        run_to_end(fitting)
        model = fitting.model
        model.saveModel(str(target))
    _finished(begun)
    for name, path in (("train", text), ("validation", validation)):
        if path is not None:
            count, accuracy, _ = model.test(str(path), 1, 0.0)
            print(f"#{name}_accuracy: {accuracy:.4f}\nNumber of {name} examples: {count}", flush=True)


def _finished(begun: float) -> None:
    print(f"Training finished!\nTotal training time in seconds: {time.monotonic() - begun:.2f}", flush=True)


def _write(path: Path, words: list[str], vectors: Vectors) -> None:
    """Write vectors in the text format of word2vec: how many and how wide, then a word a line."""
    form = "%s" + " %.6g" * vectors.width + "\n"
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{len(words)} {vectors.width}\n")
        for word in words:
            file.write(form % (word, *vectors.of(word).tolist()))


if __name__ == "__main__":
    leave(main(train))
