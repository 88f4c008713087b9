"""The floor: a bare uvicorn app that calls the model in its own process. `… FOLDER PORT MODEL`."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from benchmarks.peers.served import load, row, text

FOLDER, PORT, NAME = sys.argv[1:]
PREDICT = load(NAME, FOLDER)


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer one row of CSV with one number."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    answer = text(PREDICT(row(body))[0])
    headers = [(b"content-type", b"text/csv"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(PORT), log_level="warning", access_log=False, lifespan="off")
