"""Callers that send while the server's processes are killed, and know what was acknowledged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from tests.crash.site import Site

Send = Callable[[str], Any]


class Sender(threading.Thread):
    """Sends numbered texts until told to stop; `connect` returns what sends one over a fresh client."""

    def __init__(self, name: str, connect: Callable[[], Send], pause: float = 0.0) -> None:
        super().__init__(name=name)
        self._connect, self._pause = connect, pause
        self.stopping = threading.Event()
        self.acknowledged: dict[str, Any] = {}

    def run(self) -> None:
        count = 0
        while not self.stopping.is_set():
            try:
                send = self._connect()
                while not self.stopping.is_set():
                    count += 1
                    text = f"{self.name}-{count}"
                    self.acknowledged[text] = send(text)
                    self.stopping.wait(self._pause)
            except (BotoCoreError, ClientError, OSError, ValueError):  # the server is away
                self.stopping.wait(0.05)


def storm(site: Site, senders: Sequence[Sender], victims: Sequence[str], least: int) -> dict[str, Any]:
    """Kill one process after the other, with at least so many texts between; return what was acknowledged."""

    def count() -> int:
        return sum(len(each.acknowledged) for each in senders)

    def sent(enough: int) -> bool:
        return count() >= enough and all(each.acknowledged for each in senders)

    for each in senders:
        each.start()
    try:
        for victim in victims:
            enough = count() + least
            site.until(partial(sent, enough), "texts are acknowledged, one of each sender at least")
            site.kill(victim)
            site.up()
    finally:
        for each in senders:
            each.stopping.set()
        for each in senders:
            each.join()
    return {text: told for each in senders for text, told in each.acknowledged.items()}
