"""A user's inference.py: input_handler and output_handler around the model, or handler instead of it."""

from __future__ import annotations

import io
import json
import threading
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any, NamedTuple

from toolkit.failure import UserError
from toolkit.server.messages import JSON, Answer, Request

from sagemaker_tensorflow import rest
from sagemaker_tensorflow.bundle import Address, Bundles


class Context(NamedTuple):
    """What handlers are told of a request. There is no gRPC port: `grpc_port` and `channel` are None."""

    model_name: str
    model_version: str | None
    method: str
    rest_uri: str
    grpc_port: str | None
    channel: None
    custom_attributes: str | None
    request_content_type: str
    accept_header: str
    content_length: int


class Script:
    """Answers requests with the functions of an inference.py."""

    def __init__(self, module: ModuleType, bundles: Bundles) -> None:
        self._bundles = bundles
        self._handler: Callable[..., Any] | None = getattr(module, "handler", None)
        pair = [getattr(module, name, None) for name in ("input_handler", "output_handler")]
        if self._handler is None and None in pair:
            raise UserError(
                f"{module.__name__}.py must have input_handler and output_handler, both, or handler."
            )
        self._input, self._output = pair
        self._port = listen(bundles)

    def answer(self, request: Request, address: Address) -> Answer:
        """Answer one request; whatever the script raises is a 500 with its words."""
        data, context = io.BytesIO(request.body), self._context(request, address)
        try:
            if self._handler:
                return _answer(self._handler(data, context), context)
            asked = self._input(data, context) if self._input else b""
            reply = rest.answer(self._bundles, address, asked)
            return _answer(self._output(reply, context) if self._output else b"", context)
        except Exception as wrong:  # the script's own
            print(traceback.format_exc(), flush=True)
            return Answer(500, JSON, json.dumps({"error": str(wrong)}).encode())

    def _context(self, request: Request, address: Address) -> Context:
        version = f"/versions/{address.version}" if address.version else ""
        return Context(
            model_name=address.model,
            model_version=address.version or None,
            method=address.method,
            rest_uri=f"http://localhost:{self._port}/v1/models/{address.model}{version}:{address.method}",
            grpc_port=None,
            channel=None,
            custom_attributes=attributes_of(request),
            request_content_type=request.content_type or JSON,
            accept_header=request.accept if request.accept not in ("", "*/*") else JSON,
            content_length=len(request.body),
        )


def attributes_of(request: Request) -> str | None:
    """Return the X-Amzn-SageMaker-Custom-Attributes of a request."""
    wanted = "x-amzn-sagemaker-custom-attributes"
    return next((value for name, value in request.headers if name.lower() == wanted), None)


def listen(bundles: Bundles) -> int:
    """Serve the models as TensorFlow Serving does, for scripts that ask by HTTP; return the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path, _, method = self.path.removeprefix("/v1/models/").partition(":")
            model, _, version = path.partition("/versions/")
            reply = rest.answer(bundles, Address(model, version, method or "predict"), body)
            self.send_response(reply.status_code)
            self.send_header("Content-Type", JSON)
            self.send_header("Content-Length", str(len(reply.content)))
            self.end_headers()
            self.wfile.write(reply.content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the script's own log is what the user looks at."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True, name="rest").start()
    return server.server_port


def _answer(result: Any, context: Context) -> Answer:
    body, media = (
        result if isinstance(result, tuple) and len(result) == 2 else (result, context.accept_header)
    )
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes | bytearray):
        raise TypeError(
            f"a handler must return text or bytes, and a content type; it returned {type(body).__name__}"
        )
    return Answer(200, str(media), bytes(body))
