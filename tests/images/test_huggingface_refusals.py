"""Whatever goes wrong with a request to the Hugging Face image is a 400 in its server's words."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest
from sagemaker_huggingface.serve import DEFAULTS
from toolkit.handlers import ScriptModel
from toolkit.server.messages import Request

SCRIPT = """
def model_fn(model_dir): return 2
def predict_fn(data, model):
    if data == 3: raise ZeroDivisionError
    if data == 4: raise ValueError("no four")
    return data * model
"""


@pytest.mark.parametrize(
    ("body", "media", "accept", "says"),
    [
        (b"4", "application/json", "", "no four"),
        (b"3", "application/json", "", "ZeroDivisionError"),
        (b"{", "application/json", "", "The body is not application/json: "),
        (b"\xff", "application/json", "", "it is not UTF-8"),
        (b"x", "application/pdf", "", "Content type application/pdf is not supported"),
        (b"1", "application/json", "image/png", "Content type image/png is not supported"),
        (b"NaN", "application/json", "", "Out of range float values are not JSON compliant"),
    ],
)
def test_it_is_a_400_whoever_raised_it(
    body: bytes, media: str, accept: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = ModuleType("inference")
    exec(SCRIPT, script.__dict__)  # noqa: S102 - a script as a user has it
    model = ScriptModel(script, DEFAULTS, str(tmp_path))
    good, bad = model.answer([Request(b"5", "application/json"), Request(body, media, accept)])
    assert (good.status, good.body) == (200, b"10")
    told = json.loads(bad.body)
    assert (bad.status, told["code"], told["type"]) == (400, 400, "InternalServerException")
    assert says in told["message"]
    assert ("Traceback" in capsys.readouterr().out) == (body in (b"3", b"4"))
