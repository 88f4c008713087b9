"""The program of a container that misbehaves as the request's body asks."""

import os
import socket
import threading
import time
from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SAID = {
    b"garbage": b"what is HTTP?\r\n\r\n",
    b"headers": OK + b"X: y\r\n" * 100_000,
    b"header": OK + b"X-Long: " + b"v" * 100_000 + b"\r\nContent-Length: 0\r\n\r\n",
    b"half": OK + b"Content-Length: 100\r\n\r\nhalf",
    b"nothing": b"",
    b"empty": OK + b"Content-Length: 0\r\n\r\n",
    b"much": OK + b"Content-Length: 99999999999\r\n\r\n" + b"x" * 1000,
    b"redirect": b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n",
    b"teapot": b"HTTP/1.1 418 No\r\nContent-Length: 18\r\n\r\nshort and \xff stout!",
    b"two": (OK + b"Content-Length: 3\r\n\r\none") * 2,
    b"broken stream": CHUNKED + b"4\r\nhalf\r\nno number\r\n",
    b"cut stream": CHUNKED + b"4\r\nhalf\r\n",
}
CLOSES = (b"half", b"nothing", b"cut stream")


def serve(connection: socket.socket) -> None:
    """Answer every request of a connection."""
    with connection, connection.makefile("rb") as stream:
        while line := stream.readline():
            length = 0
            while (field := stream.readline().lower()) not in (b"\r\n", b""):
                name, _, value = field.partition(b":")
                length = int(value) if name == b"content-length" else length
            body = stream.read(length)
            if line.startswith(b"GET"):
                connection.sendall(SAID[b"empty"])
                continue
            if body == b"die":
                os._exit(7)
            if body == b"late":
                time.sleep(600)
            connection.sendall(SAID.get(body, OK + b"Content-Length: %d\r\n\r\n" % len(body) + body))
            if body in CLOSES:
                return


FAULT = os.environ.get("FAULT", "")
if FAULT == "import":
    import no_such_module  # type: ignore[import-not-found]  # noqa: F401 - that is the fault
if FAULT == "file":
    Path("/opt/ml/model/weights.bin").read_bytes()
if FAULT == "exit":
    print("nothing to do", flush=True)
    raise SystemExit(0)
if FAULT == "ping":
    SAID[b"empty"] = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
listener = socket.socket(socket.AF_INET if FAULT == "port" else socket.AF_UNIX)
listener.bind(("127.0.0.1", 0) if FAULT == "port" else os.environ["SAGEMAKER_BIND_TO_SOCKET"])
listener.listen(100)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
