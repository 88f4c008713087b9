"""What an environment is told of its function: `function.json` beside the archive of its code."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
TASK_ROOT = BASE / "task"
ARCHIVE = BASE / "function.zip"


@dataclass(frozen=True)
class Settings:
    """One function, as configured."""

    name: str
    version: str
    handler: str
    runtime: str
    memory: int
    timeout: float
    group: str
    stream: str
    init: float = 10.0  # seconds that an environment's first import has to itself, as on AWS
    variables: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Return the environment of the process that has the handler, as AWS makes it."""
        return {
            **os.environ,
            "_HANDLER": self.handler,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{self.runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_FUNCTION_VERSION": self.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": self.group,
            "AWS_LAMBDA_LOG_STREAM_NAME": self.stream,
            "LAMBDA_TASK_ROOT": str(TASK_ROOT),
            "LAMBDA_RUNTIME_DIR": str(Path(__file__).resolve().parent),
            "TZ": ":UTC",
            **self.variables,
        }


def read(path: Path = BASE / "function.json") -> Settings:
    """Return what the file says."""
    return Settings(**json.loads(path.read_text(encoding="utf-8")))
