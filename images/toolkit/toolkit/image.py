"""Which versions really run: an image answers to every tag of its repositories, and has one environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping


def tell(environment: Mapping[str, str] = os.environ) -> None:
    """Print a line when the tag of the image's URI says another version than the one that runs."""
    if words := note(environment):
        print(words, flush=True)


def note(environment: Mapping[str, str]) -> str:
    """Return the line: empty without a tag, and where the tag says what runs."""
    tag, names = (
        environment.get("TOOLKIT_IMAGE_TAG", ""),
        environment.get("TOOLKIT_IMAGE_PACKAGES", "").split(),
    )
    if not tag or not names:
        return ""
    from importlib.metadata import version

    found = {name: version(name) for name in names}
    if all(_said(number, tag) for number in found.values()):
        return ""
    told = " and ".join(f"{name} {number}" for name, number in found.items())
    return f"The image's tag {tag} is a label here: this environment runs {told}."


def _said(number: str, tag: str) -> bool:
    minor = re.escape(".".join(number.split(".")[:2]))
    return re.search(rf"(?<![\d.]){minor}(?!\d)", tag) is not None
