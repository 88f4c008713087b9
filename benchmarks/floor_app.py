"""The floor of a prediction: a bare uvicorn app that calls the same booster in its own process.

Run by the XGBoost image's interpreter: python floor_app.py MODEL PACKAGES PORT, where PACKAGES holds uvicorn.
"""

from __future__ import annotations

import sys
from typing import Any

sys.path.append(sys.argv[2])

import numpy as np
import uvicorn
import xgboost as xgb

BOOSTER = xgb.Booster(model_file=sys.argv[1])
BOOSTER.set_param({"nthread": 1})
HEADERS = [(b"content-type", b"text/csv; charset=utf-8")]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer one row of CSV with one number."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    row = np.array(body.split(b","), dtype=np.float32).reshape(1, -1)
    answer = str(BOOSTER.inplace_predict(row)[0]).encode()
    headers = [*HEADERS, (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[3]), log_level="warning", access_log=False, lifespan="off"
    )
