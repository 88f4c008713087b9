"""A model server of the crash tests' own, as an image and a model, that answers as a test says."""

from __future__ import annotations

from tests.crash.site import Site
from tests.crash.test_training_kills import ROLE

SERVE = """
import http.server, os, pathlib, socketserver, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.reply(200 if self.path == "/ping" else 404, b"")
    def do_POST(self):
        self.reply(*answer(self.rfile.read(int(self.headers["Content-Length"]))))
    def reply(self, code, body):
        self.send_response(code)
        if isinstance(body, bytes):
            self.send_header("Content-Length", str(len(body)))
            body = [body]
        else:
            self.close_connection = True
        self.end_headers()
        for piece in body:
            self.wfile.write(piece)
    def address_string(self):
        return "driver"
    def log_message(self, *args):
        pass
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    def handle_error(self, *args):
        pass  # whoever asked did not wait for the answer, on a busy machine
"""
IMAGE = """
name = "{name}"
repositories = ["{name}"]
[programs]
serve = ["python", "/opt/image/serve.py"]
"""


def install(site: Site, name: str, answer: str) -> None:
    """Add an image and a model of that name; `answer` is the source of `answer(body)`, a status and a body.

    A body that is no bytes is sent piece by piece.
    """
    image = site.home / "images" / name
    image.mkdir()
    (image / "image.toml").write_text(IMAGE.format(name=name))
    start = 'Server(os.environ["SAGEMAKER_BIND_TO_SOCKET"], Handler).serve_forever()\n'
    (image / "serve.py").write_text(SERVE + answer + start)
    site.client("sagemaker").create_model(
        ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": name}
    )
