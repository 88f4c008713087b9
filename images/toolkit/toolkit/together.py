"""Predicts requests that wait at the same time in one call, where that gives each of them its own answer.

Nobody is held back for it: what arrived while the last call ran is taken together. Joined calls prove
themselves: the first ones of each key are also predicted one by one, and when the answers differ (a first
axis that is no batch, a model that looks from row to row) nothing is joined any more. A joined call that
fails is done again one by one, so that a bad request is refused alone. evidence/pytorch-batching.md
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from toolkit.batching import Joining, Part, part
from toolkit.failure import report
from toolkit.server.messages import Answer, Request

MOST_ROWS = 4096
"""Rows in one joined call: more gain nothing and make the others wait."""
PROOFS = 8
SAME = 1e-3
"""How far a joined answer may be from a single one, relative to the largest number: float16 models."""

Group = Sequence[tuple[Request, Part]]


class Steps(Protocol):
    """What is done for a request; anything may raise."""

    def read(self, request: Request) -> Any:
        """Read its data."""
        ...

    def predict(self, request: Request, data: Any) -> Any:
        """Predict it, or several of which it is the first."""
        ...

    def write(self, request: Request, prediction: Any) -> Answer:
        """Write the answer."""
        ...

    def failed(self, wrong: Exception | SystemExit) -> Answer:
        """Word what was raised."""
        ...


class Together:
    """Answers several requests with as few predictions as can be."""

    def __init__(self, steps: Steps, joining: Joining) -> None:
        self.possible = True
        self._steps, self._joining = steps, joining
        self._proofs: Counter[Hashable] = Counter()

    def answer(self, requests: Sequence[Request], beat: Callable[[], None]) -> list[Answer]:
        """Answer each request; `beat` is called after each prediction."""
        answers: dict[int, Answer] = {}
        groups: dict[Hashable, list[int]] = {}
        parts: dict[int, Part] = {}
        for number, request in enumerate(requests):
            try:
                data = self._steps.read(request)
                taken = self._joining.take(data)
            except (Exception, SystemExit) as wrong:  # whatever a user's code raises
                answers[number] = self._steps.failed(wrong)
                continue
            if taken is None:
                answers[number] = self._alone(request, data, beat)
            else:
                parts[number] = taken
                groups.setdefault(taken.key, []).append(number)
        for numbers in groups.values():
            for some in _bounded(numbers, parts):
                told = self._group([(requests[number], parts[number]) for number in some], beat)
                answers.update(zip(some, told, strict=True))
        return [answers[number] for number in range(len(requests))]

    def _group(self, group: Group, beat: Callable[[], None]) -> list[Answer]:
        predictions = self._predict(group, beat) if self.possible and len(group) > 1 else None
        if predictions is None:
            return [self._alone(request, taken.data, beat) for request, taken in group]
        return [self._write(request, one) for (request, _), one in zip(group, predictions, strict=True)]

    def _predict(self, group: Group, beat: Callable[[], None]) -> list[Any] | None:
        """Return each one's prediction, or None when each has to be predicted alone."""
        key = group[0][1].key
        try:
            joined = self._joining.join([taken.data for _, taken in group])
            parted = part(self._steps.predict(group[0][0], joined), [taken.rows for _, taken in group])
            beat()
            if parted is not None and self._proofs[key] >= PROOFS:
                return parted
            single = []
            for request, taken in group:
                single.append(self._steps.predict(request, taken.data))
                beat()
        except (Exception, SystemExit):  # each alone will say whose it is
            return None
        self._proofs[key] += 1
        if parted is None or not all(map(_same, parted, single)):
            self.possible = False
            how = "has not one entry for each row" if parted is None else "is another than for each alone"
            report(f"Requests are predicted one by one from now on: what the model gives several {how}.")
        return single

    def _alone(self, request: Request, data: Any, beat: Callable[[], None]) -> Answer:
        try:
            return self._write(request, self._steps.predict(request, data))
        except (Exception, SystemExit) as wrong:  # whatever a user's code raises
            return self._steps.failed(wrong)
        finally:
            beat()

    def _write(self, request: Request, prediction: Any) -> Answer:
        try:
            return self._steps.write(request, prediction)
        except (Exception, SystemExit) as wrong:  # whatever a user's code raises
            return self._steps.failed(wrong)


def _bounded(numbers: Sequence[int], parts: dict[int, Part]) -> Iterator[list[int]]:
    some: list[int] = []
    rows = 0
    for number in numbers:
        if some and rows + parts[number].rows > MOST_ROWS:
            yield some
            some, rows = [], 0
        some.append(number)
        rows += parts[number].rows
    yield some


def _same(joined: Any, single: Any) -> bool:
    if isinstance(joined, dict):
        return joined.keys() == single.keys() and all(_same(joined[name], single[name]) for name in joined)
    if isinstance(joined, tuple | list):
        return len(joined) == len(single) and all(map(_same, joined, single))
    left, right = _plain(joined), _plain(single)
    if left.shape != right.shape or left.dtype.kind not in "fc":
        return bool(np.array_equal(left, right))
    scale = float(np.max(np.abs(right), initial=0.0, where=np.isfinite(right)))
    return bool(np.allclose(left, right, rtol=SAME, atol=SAME * scale, equal_nan=True))


def _plain(value: Any) -> Any:
    if not hasattr(value, "detach"):
        return np.asarray(value)
    held = value.detach().cpu()
    return np.asarray(held.double() if held.is_floating_point() else held)  # NumPy has no bfloat16
