"""What every container finds in its environment: where the API answers and whose credentials it has."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

from clary.core.errors import TryAgain
from clary.core.settings import Settings

RunToken = Callable[[str, str], str]
"""Gives the token of a run: (run uid, role ARN) → what it shows to be given the role's credentials."""

GATEWAY_PATIENCE = timedelta(milliseconds=200)  # Between looks for a gateway that has not said its port yet.


def gateway_port(settings: Settings) -> int:
    """Return the port the API answers at; the gateway writes it down when port 0 let it choose."""
    if settings.port:
        return settings.port
    try:
        port: int = json.loads((settings.home.run / "gateway.json").read_text())["port"]
    except (OSError, ValueError, KeyError) as error:
        raise TryAgain("the gateway has not said its port yet", after=GATEWAY_PATIENCE) from error
    return port


def environment(
    settings: Settings, token: RunToken, *, uid: str, role: str | None, region: str
) -> dict[str, str]:
    """Return the variables by which AWS clients in a run call back here with its role's credentials."""
    gateway = f"http://127.0.0.1:{gateway_port(settings)}"
    found = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region, "AWS_ENDPOINT_URL": gateway}
    if role:
        found["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{gateway}/_clary/credentials/{uid}"
        found["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = token(uid, role)
    return found
