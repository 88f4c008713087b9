"""The process that has a function's handler: imports it once, then calls it for one event after the other.

Started with the number of its end of a socket. What a handler may see of this is what AWS's runtime shows:
its event, its context, its environment. evidence/lambda.md
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import socket
import sys
import time
import traceback
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from lambda_runtime import frames
from lambda_runtime.context import LambdaContext, Lines

Handler = Callable[[Any, LambdaContext], Any]
Fault = dict[str, Any]
"""An error document."""


class InitFault(Exception):
    """The handler is not to be had; `document` says why, in AWS's words."""

    def __init__(self, kind: str, message: str, trace: list[str]) -> None:
        super().__init__(message)
        self.document = {"errorMessage": message, "errorType": kind, "requestId": "", "stackTrace": trace}


def main() -> None:
    """Serve the socket to its end."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    root = os.environ["LAMBDA_TASK_ROOT"]
    sys.path[0] = root  # where Python put this file's own folder
    lines = _prepare_logging()
    try:
        handler = find(os.environ["_HANDLER"])
    except InitFault as fault:
        _tell(fault.document)
        frames.send(connection, {"ready": False}, json.dumps(fault.document).encode())
        return
    frames.send(connection, {"ready": True, "at": time.monotonic()})
    while (message := frames.receive(connection)) is not None:
        head, event = message
        lines.request = head["id"]
        failed, answer = call(handler, event, LambdaContext(head))
        sys.stdout.flush()
        sys.stderr.flush()
        frames.send(connection, {"failed": failed}, answer)


def find(name: str) -> Handler:
    """Import a handler by `module.function`; raises InitFault."""
    module_name, dot, function = name.rpartition(".")
    if not dot:
        raise InitFault(
            "Runtime.MalformedHandlerName",
            f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)",
            [],
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        raise InitFault("Runtime.ImportModuleError", message, []) from error
    except SyntaxError as error:
        place = f'  File "{error.filename}" Line {error.lineno}\n    {(error.text or "").strip()}\n'
        message = f"Syntax error in module '{module_name}': {error}"
        raise InitFault("Runtime.UserCodeSyntaxError", message, [place]) from error
    except Exception as error:
        raise InitFault(type(error).__name__, str(error), _trace(error)) from error
    found = getattr(module, function, None)
    if found is None:
        message = f"Handler '{function}' missing on module '{module_name}'"
        raise InitFault("Runtime.HandlerNotFound", message, [])
    handler: Handler = found
    return handler


def call(handler: Handler, event: bytes, context: LambdaContext) -> tuple[bool, bytes]:
    """Return whether it failed, and the answer: JSON, an error document where it failed."""
    try:
        result = handler(json.loads(event), context)
    except Exception as error:
        return True, _failed(type(error).__name__, str(error), _trace(error), context)
    try:
        return False, json.dumps(result, ensure_ascii=False, default=_plain).encode()
    except (TypeError, ValueError, RecursionError) as error:
        message = f"Unable to marshal response: {error}"
        return True, _failed("Runtime.MarshalError", message, [], context)


def _failed(kind: str, message: str, trace: list[str], context: LambdaContext) -> bytes:
    document = {
        "errorMessage": message,
        "errorType": kind,
        "requestId": context.aws_request_id,
        "stackTrace": trace,
    }
    _tell(document)
    return json.dumps(document).encode()


def _tell(document: Fault) -> None:
    """Write an error to the log as AWS does."""
    said = f"[ERROR] {document['errorType']}: {document['errorMessage']}"
    if document["stackTrace"]:
        said += "\nTraceback (most recent call last):\n" + "".join(document["stackTrace"]).rstrip("\n")
    print(said, flush=True)


def _trace(error: BaseException) -> list[str]:
    """Return the lines of a traceback, without ours."""
    frames_of = traceback.extract_tb(error.__traceback__)
    ours = (str(Path(__file__).resolve().parent), str(Path(importlib.__file__).parent))
    shown = [each for each in frames_of if not each.filename.startswith((*ours, "<frozen importlib"))]
    return traceback.format_list(shown)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value.as_tuple().exponent == 0 else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _prepare_logging() -> Lines:
    handler, lines = logging.StreamHandler(sys.stdout), Lines()
    handler.setFormatter(lines)
    logging.getLogger().addHandler(handler)
    return lines


if __name__ == "__main__":
    main()
