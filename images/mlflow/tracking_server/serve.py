"""MLflow's tracking server on a unix socket: one process, its database in a directory that outlives it.

    TRACKING_DATABASE         the SQLite file; made, or brought up to this version of MLflow, at the start
    TRACKING_ARTIFACT_ROOT    where clients keep artifacts, s3://…; they are told the address
    SAGEMAKER_BIND_TO_SOCKET  where to listen

It answers GET /ping once the database is ready; all else is MLflow's. Its pages name what they load
relative to themselves, so whoever shows them may put any path before. It wants to be called localhost.
"""

from __future__ import annotations

import gc
import os
import secrets
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


def main() -> int:
    """Serve until told to stop."""
    gc.disable()  # some 2,500 modules are imported and stay: looking through them over and over takes a tenth
    database = f"sqlite:///{os.environ['TRACKING_DATABASE']}"
    root = os.environ["TRACKING_ARTIFACT_ROOT"]
    os.environ.setdefault("MLFLOW_FLASK_SERVER_SECRET_KEY", secrets.token_hex(16))
    from mlflow.server import handlers

    from mlflow import server
    from tracking_server.database import make

    make(Path(os.environ["TRACKING_DATABASE"]))
    os.environ |= {
        server.BACKEND_STORE_URI_ENV_VAR: database,
        server.REGISTRY_STORE_URI_ENV_VAR: database,
        server.ARTIFACT_ROOT_ENV_VAR: root,
    }
    handlers.initialize_backend_stores(database, database, root)
    import uvicorn
    from mlflow.server.fastapi_app import app

    path = os.environ["SAGEMAKER_BIND_TO_SOCKET"]
    gc.freeze()
    gc.enable()
    uvicorn.run(with_ping(app), uds=path, log_level="warning", access_log=False, lifespan="off")
    return 0


def with_ping(app: Application) -> Application:
    """Return an application that answers GET /ping itself and leaves all else to `app`."""

    async def serve(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/ping":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        await app(scope, receive, send)

    return serve


if __name__ == "__main__":
    sys.exit(main())
