"""A FastAPI app as a user writes one who wants it fast. `… FOLDER PORT MODEL`."""

from __future__ import annotations

import sys

import uvicorn
from benchmarks.peers.served import load, row, text
from fastapi import FastAPI, Request, Response  # type: ignore[import-not-found]

FOLDER, PORT, NAME = sys.argv[1:]
app = FastAPI(openapi_url=None)
predict = load(NAME, FOLDER)


@app.post(f"/{NAME}")  # type: ignore[untyped-decorator]
async def invoke(request: Request) -> Response:
    """Read the body raw: a pydantic model of 30 numbers would double the cost."""
    return Response(text(predict(row(await request.body()))[0]), media_type="text/csv")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(PORT), log_level="warning", access_log=False)
