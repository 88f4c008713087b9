"""Script mode: say what each channel holds."""

from __future__ import annotations

import json
import os
from pathlib import Path

INPUT = Path("/opt/ml/input")


def main() -> None:
    """Print, by channel, the files with their sizes, or what came through the pipe."""
    config = json.loads((INPUT / "config" / "inputdataconfig.json").read_text())
    for name, told in sorted(config.items()):
        folder = INPUT / "data" / name
        if told["TrainingInputMode"] == "Pipe":
            with Path(f"{folder}_0").open("rb") as pipe:
                found: object = pipe.read().decode()
        else:
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            found = {str(path.relative_to(folder)): path.read_text() for path in files}
        print(f"CHANNEL {name} {told['TrainingInputMode']} {json.dumps(found)}", flush=True)
    Path(os.environ["SM_MODEL_DIR"], "done").write_text("")


if __name__ == "__main__":
    main()
