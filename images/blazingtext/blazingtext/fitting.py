"""Trains with fastText in a thread and watches it: progress in the log, early stopping, the library's errors.

fastText tells how far it is on standard error ten times a second, and nowhere else; its model can be asked
and saved while it is trained.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from toolkit.algorithm.hyperparameters import Settings
from toolkit.failure import UserError

PROGRESS = re.compile(r"Progress:\s*([\d.]+)%\s+words/sec/thread:\s*(\d+)\s+lr:\s*([-\d.]+)")
WORDS = re.compile(r"Number of words:\s*(\d+)")
END_OF_SENTENCE = "</s>"  # a word to fastText
STEP = 5.0
"""Per cent between two lines of progress."""


def arguments(settings: Settings, path: Path, threads: int) -> Any:
    """Return fastText's own arguments for a training."""
    import fasttext_pybind as library

    mode = settings.text("mode")
    supervised = mode == "supervised"
    subwords = not supervised and settings.flag("subwords")
    ngrams = settings.integer("word_ngrams") if supervised else 1
    names = library.model_name
    values = {
        "input": str(path),
        "model": names.supervised if supervised else names.cbow if mode == "cbow" else names.skipgram,
        "loss": library.loss_name.softmax if supervised else library.loss_name.ns,
        "lr": settings.number("learning_rate"),
        "dim": settings.integer("vector_dim"),
        "epoch": settings.integer("epochs"),
        "minCount": settings.integer("min_count"),
        "wordNgrams": ngrams,
        "minn": settings.integer("min_char") if subwords else 0,
        "maxn": settings.integer("max_char") if subwords else 0,
        "bucket": settings.integer("buckets") if subwords or ngrams > 1 else 0,
        "ws": settings.integer("window_size"),
        "neg": settings.integer("negative_samples"),
        "t": settings.number("sampling_threshold"),
        "thread": threads,
        "verbose": 2,
        "output": "",
        "saveOutput": False,
    }
    chosen = library.args()
    for name, value in values.items():
        setattr(chosen, name, value)
    return chosen


class Fitting:
    """One training; `model` can be asked while it lasts."""

    def __init__(self, chosen: Any) -> None:
        import fasttext_pybind as library

        self.model = library.fasttext()
        self._library, self._chosen = library, chosen
        self._wrong: Exception | None = None

    def follow(self) -> Iterator[float]:
        """Train; yield the part done each time it is told, then end, or say why the training cannot be."""
        error = os.dup(2)
        reading, writing = os.pipe()
        os.dup2(writing, 2)
        os.close(writing)
        threading.Thread(target=self._train, args=(error,), daemon=True).start()
        shown, words = -STEP, -1
        with open(reading, "rb", buffering=0) as told:  # noqa: PTH123 - a descriptor has no path
            for line in _lines(told):
                found = PROGRESS.search(line)
                if found is None:
                    print(line, flush=True)
                    words = words if (counted := WORDS.search(line)) is None else int(counted[1])
                    continue
                done, speed, rate = (abs(float(number)) for number in found.groups())  # it ends at -0.0000
                done = min(done, 100.0)  # what its threads have done is more than all now and then
                if done >= shown + STEP or done == 100 > shown:
                    shown = done
                    speed *= self._chosen.thread / 1e6
                    beside = f"Progress: {done:.2f}%  Million Words/sec: {speed:.2f}"
                    print(f"##### Alpha: {rate:.4f}  {beside} #####", flush=True)
                yield done / 100
        os.close(error)
        if self._wrong is not None:
            raise _worded(self._wrong, self._chosen) from self._wrong
        if not words or (words == 1 and self.model.getWordId(END_OF_SENTENCE) >= 0):
            raise _no_words(self._chosen)

    def _train(self, error: int) -> None:
        try:
            self._library.train(self.model, self._chosen)
        except Exception as wrong:  # raised again by the thread that follows
            self._wrong = wrong
        finally:
            os.dup2(error, 2)  # the last writer of the pipe goes, which ends its reader


def run_to_end(fitting: Fitting) -> None:
    """Train to the end."""
    for _ in fitting.follow():
        pass


def stop_early(fitting: Fitting, settings: Settings, validation: Path, target: Path) -> None:
    """Train until the accuracy on `validation` has not risen for `patience` epochs, and leave the best
    model in `target`."""
    epochs, patience = settings.integer("epochs"), settings.integer("patience")
    best, best_epoch, last = -1.0, 0, 0

    def judge(epoch: int) -> None:
        nonlocal best, best_epoch
        accuracy = fitting.model.test(str(validation), 1, 0.0)[1]
        print(f"-------------- End of epoch: {epoch}\nValidation accuracy: {accuracy:.6f}", flush=True)
        if accuracy > best:
            print("Validation accuracy improved! Storing best weights...", flush=True)
            best, best_epoch = accuracy, epoch
            fitting.model.saveModel(str(target))
        else:
            print(f"Validation accuracy has not improved for {epoch - best_epoch} epochs.", flush=True)

    for done in fitting.follow():
        epoch = int(done * epochs + 1e-6)
        if epoch >= max(settings.integer("min_epochs"), last + 1) and epoch < epochs:
            last = epoch
            judge(epoch)
            if epoch - best_epoch >= patience:
                print(f"Stopping after epoch {epoch} of {epochs}; the best was {best_epoch}.", flush=True)
                return
    judge(epochs)


def apart(work: Callable[[], None]) -> None:
    """Do work in a process of its own: a training that is stopped early ends only with its process."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if not child:
        os._exit(_told(work, writing))
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:  # noqa: PTH123 - a descriptor has no path
        refused = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        os.kill(os.getpid(), -code)  # what ended the child, an empty memory say, is this program's end too
    if refused:
        raise UserError(refused)
    if code:
        raise RuntimeError("the training with early stopping failed; its traceback is above")


def _told(work: Callable[[], None], writing: int) -> int:
    try:
        work()
    except UserError as wrong:
        os.write(writing, str(wrong).encode())
        return 1
    except BaseException:  # nobody is above who could tell
        traceback.print_exc(file=sys.stdout)
        return 1
    finally:
        sys.stdout.flush()
    return 0


def _lines(stream: BinaryIO) -> Iterator[str]:
    rest = b""
    while chunk := stream.read(65536):
        *whole, rest = re.split(rb"[\r\n]", rest + chunk)
        yield from (line.decode(errors="replace") for line in whole if line)
    if rest:
        yield rest.decode(errors="replace")


def _worded(wrong: Exception, chosen: Any) -> Exception:
    """Say what a hyperparameter has to do with an error of the library."""
    said = str(wrong)
    if "Empty vocabulary" in said:
        return _no_words(chosen)
    if "NaN" in said:
        return UserError(
            f"The weights grew out of bounds with learning_rate={chosen.lr:g}; give a smaller learning_rate."
        )
    return wrong


def _no_words(chosen: Any) -> UserError:
    return UserError(
        f"No word of the train channel occurs min_count={chosen.minCount} times; give a smaller min_count or "
        f"more text."
    )
