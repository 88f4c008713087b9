"""The lines of a built-in algorithm's log that the documented metric definitions read."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime


class Log:
    """Prints what one host of a training has to tell."""

    def __init__(self, host: str) -> None:
        self.host, self._begun = host, time.monotonic()

    def say(self, text: str) -> None:
        """Print one line, as AWS's containers date it."""
        now = datetime.now(UTC)
        print(f"[{now:%m/%d/%Y %H:%M:%S} INFO {threading.get_ident()}] {text}", flush=True)

    def score(self, channel: str, name: str, value: float) -> None:
        """Print a metric of which more is better."""
        self.say(f"#quality_metric: host={self.host}, {channel} {name} <score>={value}")

    def loss(self, channel: str, name: str, value: float, *, epoch: int | None = None) -> None:
        """Print a metric of which less is better."""
        at = "" if epoch is None else f"epoch={epoch}, "
        self.say(f"#quality_metric: host={self.host}, {at}{channel} {name} <loss>={value}")

    def plain(self, channel: str, text: str) -> None:
        """Print a metric in the older form, without a sign of what is better."""
        self.say(f"#quality_metric: host={self.host}, {channel} {text}")

    def progress(self, done: int, of: int) -> None:
        """Print how far the training is."""
        self.say(f"#progress_metric: host={self.host}, completed {min(100.0, 100 * done / of):g} % of epochs")

    def throughput(self, records: int) -> None:
        """Print how many records a second have been trained on since the log was opened."""
        rate = records / max(1e-9, time.monotonic() - self._begun)
        self.say(f"#throughput_metric: host={self.host}, train throughput={rate} records/second")
