"""A running server, spoken to as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

CLIENTS = Path(__file__).parent / "clients"
SCRIPTS = Path(__file__).parent / "scripts"
ROOT = Path(__file__).resolve().parents[2]
DEMO_LOCK = ROOT / "src" / "clary" / "cli" / "demo" / "requirements.txt"
DATA = ROOT / "src" / "clary" / "cli" / "demo" / "phishing.csv"


@dataclass(frozen=True)
class Clary:
    """One running server, spoken to as a user would."""

    home: Path

    def command(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `clary WORDS --home …`."""
        line = [sys.executable, "-m", "clary.cli.main", words[0], "--home", str(self.home), *words[1:]]
        return run(line, check=check)

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command under `clary run`."""
        line = [sys.executable, "-m", "clary.cli.main", "run", "--home", str(self.home), "--", *words]
        return run(line, check=check)

    def client(self, service: str) -> Any:
        """Return a boto3 client of the administrator."""
        import json

        told = json.loads((self.home / "run" / "server.json").read_text())
        keys = json.loads((self.home / "keys" / "administrator.json").read_text())
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=f"http://127.0.0.1:{told['port']}",
            region_name=told["region"],
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
        )


def run(line: list[str], *, check: bool) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=_environment())  # noqa: S603
    if check and done.returncode:
        raise AssertionError(f"{line[3:]} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CLARY_HOME"))}
