"""What can only be said of a mistake with the job at hand: its channels, its image, its packages."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from clary.runtime.beneath import Unsafe, open_directory

_MOST_NAMES = 8  # of channels or files that a cure lists
_DATA = "/opt/ml/input/data"

# Packages whose modules go by another name.
PACKAGES = {
    "Crypto": "pycryptodome",
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "git": "GitPython",
    "jwt": "PyJWT",
    "magic": "python-magic",
    "psycopg2": "psycopg2-binary",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "yaml": "PyYAML",
}

Cure = str | Callable[[re.Match[str], Path], str]


class Recogniser(NamedTuple):
    """A mistake: a regular expression of what a program says of it, and the way out.

    A text may use the expression's groups, as `re.Match.expand` does; a function is given the match and the
    run's /opt/ml.
    """

    name: str
    says: str
    cure: Cure


def missing_module(found: re.Match[str], ml: Path) -> str:
    """Name the package that has a module."""
    top = found[1].partition(".")[0]
    if top in sys.stdlib_module_names:
        return f"{found[1]} is of another version of Python than this image's: use what replaced it."
    if top in PACKAGES:
        return (
            f"{top} is neither in this image nor in the source: add {PACKAGES[top]}, the package that has "
            "it, to requirements.txt beside the entry point."
        )
    return (
        f"{top} is neither in this image nor in the source: add the package that has it to requirements.txt "
        "beside the entry point; if it is your own, put it into source_dir."
    )


def missing_name(found: re.Match[str], ml: Path) -> str:
    """Tell another version of Python from another version of a package."""
    name, module = found["name"], found["module"]
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return (
            f"This image's version of Python has no {name} in {module}: write it as this version knows it, "
            "or take an image with another Python."
        )
    return (
        f"The version of {top} in this image has no {name}: check the spelling, or pin the version it was "
        "written for in requirements.txt beside the entry point."
    )


def missing_file(found: re.Match[str], ml: Path) -> str:
    """Say what there is instead of a file: the job's channels, or what a channel holds."""
    path = found[1]
    if not path.startswith(_DATA):
        return (
            "A container has only the source and the job's channels: read the file from a channel, below "
            f"{_DATA}, or put it into source_dir. The job's channels: {_shown(_names(ml))}."
        )
    channel = path.removeprefix(_DATA).strip("/").partition("/")[0]
    if channel not in _names(ml):
        return missing_channel(channel, ml)
    held = _shown(_names(ml, channel))
    return f"The channel {channel!r} holds {held}: read one of these, or upload the file there."


def unset_channel(found: re.Match[str], ml: Path) -> str:
    """Explain a variable SM_CHANNEL_… that is not there."""
    return missing_channel(found[1].lower(), ml)


def missing_channel(name: str, ml: Path) -> str:
    """Say which channels there are."""
    return (
        f"The job has no channel {name!r}; its channels: {_shown(_names(ml))}. Read one of these, or add it "
        "to InputDataConfig (with the SDK: fit({'" + name + "': …}))."
    )


def _names(ml: Path, *below: str) -> list[str]:
    """List a directory of the job's data, which the program may have replaced by a link to elsewhere."""
    try:
        handle = open_directory(ml, ("input", "data", *below))
    except (OSError, Unsafe):
        return []
    try:
        return sorted(os.listdir(handle))  # noqa: PTH208 - no path has this handle
    finally:
        os.close(handle)


def _shown(names: list[str]) -> str:
    return ", ".join([*names[:_MOST_NAMES], *(["…"] if len(names) > _MOST_NAMES else [])]) or "none"
