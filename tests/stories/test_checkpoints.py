"""Checkpoints, TensorBoard's output and every way of naming inputs, as SDK 2.x asks for them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stories.server import DEMO_LOCK, SCRIPTS, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
BASE = "s3://sagemaker-us-east-1-000000000000/stories"
Environment = Callable[[Path], Path]


def test_sdk_2_goes_on_from_the_checkpoints_of_an_earlier_job(clary: Clary, environment: Environment) -> None:
    python = environment(DEMO_LOCK) / "python"
    told = clary.run(str(python), str(SCRIPTS / "v2_checkpoints.py")).stdout
    assert re.findall(r"epoch=(\d+) ", told) == [str(epoch) for epoch in range(9)]
    assert re.search(r"^resumed at epoch 4$", told, re.M) or "resumed at epoch 4" in told
    names = ("checkpoints-first", "checkpoints-second")
    boards = [f"{BASE}/checkpoints/board/{name}/tensorboard-output" for name in names]
    assert re.findall(r"^BOARD (\S+?)/?$", told, re.M) == boards
    assert re.findall(r"^EVENTS (.*)$", told, re.M) == [f"{board}/events.json" for board in boards]
    assert re.search(rf"^KEPT {BASE}/checkpoints/kept/last.pt$", told, re.M), told


def test_sdk_2_names_inputs_in_every_way(clary: Clary, environment: Environment) -> None:
    python = environment(DEMO_LOCK) / "python"
    told = clary.run(str(python), str(SCRIPTS / "v2_inputs.py")).stdout
    found = {
        name: (mode, json.loads(content))
        for name, mode, content in re.findall(r"CHANNEL (\w+) (\w+) (.*)$", told, re.M)
    }
    every = {"a.csv": "a\n", "b.csv": "b\n", "c.csv": "c\n"}
    shuffled = found.pop("shuffled")
    assert shuffled[0] == "Pipe"
    assert sorted(shuffled[1].split()) == ["a", "b", "c"]
    assert found == {
        "plain": ("File", every),
        "local": ("File", {"local.csv": "from this machine\n"}),
        "fast": ("FastFile", every),
        "sharded": ("File", every),  # one host of one
        "listed": ("File", {"a.csv": "a\n", "c.csv": "c\n"}),
        "piped": ("Pipe", "a\nb\nc\n"),
        "labelled": ("Pipe", "a\n0b\n1"),
    }
