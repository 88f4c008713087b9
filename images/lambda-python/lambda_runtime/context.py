"""What a handler is given beside its event, and how its log lines look."""

from __future__ import annotations

import json
import logging
import os
import time
from types import SimpleNamespace
from typing import Any


class LambdaContext:
    """The second argument of every handler."""

    def __init__(self, head: dict[str, Any]) -> None:
        self.aws_request_id: str = head["id"]
        self.invoked_function_arn: str = head["arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None)
        self.client_context = _client(head.get("client"))
        self._deadline = time.monotonic() + head["seconds"]

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the invocation may take from now on."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))

    def log(self, message: object) -> None:
        """Write to the log."""
        print(message, end="", flush=True)


class Lines(logging.Formatter):
    """Log records as AWS writes them: level, time and request id between tabs."""

    converter = time.gmtime  # type: ignore[assignment]  # logging's own types say localtime

    def __init__(self) -> None:
        super().__init__("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(message)s", "%Y-%m-%dT%H:%M:%S")
        self.request = ""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line."""
        level, at, text = super().format(record).split("\t", 2)
        return f"{level}\t{at}\t{self.request}\t{text}"


def _client(text: str | None) -> SimpleNamespace | None:
    if not text:
        return None
    found = json.loads(text)
    said = found.get("client")
    client = SimpleNamespace(**(said if isinstance(said, dict) else {}))
    return SimpleNamespace(client=client, custom=found.get("custom"), env=found.get("env"))
