"""What controllers have at hand: the runtime, the store, and the identity that a run's role gives it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

from clary.controllers.s3 import Allowed, RoleObjects
from clary.core.document import Document
from clary.core.errors import TryAgain
from clary.core.principal import Principal
from clary.core.settings import Settings
from clary.runtime.spec import Runtime
from clary.store.logs import Logs
from clary.store.metrics import Metrics
from clary.store.objects import Objects
from clary.store.records import Records

RunToken = Callable[[str, str], str]
"""Gives the token of a run: (run uid, role ARN) → what it shows to be given the role's credentials."""

Door = Callable[[Principal, str, str, Document, Document], Document]
"""Calls an operation in somebody's name: (caller, region, operation, request, what only the server says)."""

RoleDoor = Callable[[str, str, str, Document, Document], Document]
"""Calls an operation as a role, if its policies allow it: (role ARN, region, operation, request, more)."""

Trusts = Callable[[str, str, str], bool]
"""Whether a role lets a service assume it: (role ARN, service, ARN of who it acts for)."""

GATEWAY_PATIENCE = timedelta(milliseconds=200)  # Between looks for a gateway that has not said its port yet.


@dataclass(frozen=True, kw_only=True)
class Means:
    """Built once by the composition root and shared by all controllers."""

    runtime: Runtime
    records: Records
    objects: Objects
    logs: Logs
    metrics: Metrics
    settings: Settings
    token: RunToken
    allowed: Allowed
    call: Door
    call_as: RoleDoor

    def as_role(self, role: str) -> RoleObjects:
        """Return the object store as a role sees it."""
        return RoleObjects(self.objects, self.allowed, role)

    def environment(self, uid: str, role: str | None, region: str) -> dict[str, str]:
        """Return the variables by which AWS clients in a run call back here with its role's credentials."""
        gateway = f"http://127.0.0.1:{self.gateway_port()}"
        found = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region, "AWS_ENDPOINT_URL": gateway}
        if role:
            found["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = (
                f"{gateway}/_clary/credentials/{uid}?role={quote(role, safe='')}"
            )
            found["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = self.token(uid, role)
        return found

    def gateway_port(self) -> int:
        """Return the port the API answers at; the gateway writes it down when port 0 let it choose."""
        if self.settings.port:
            return self.settings.port
        try:
            port: int = json.loads((self.settings.home.run / "gateway.json").read_text())["port"]
        except (OSError, ValueError, KeyError) as error:
            raise TryAgain("the gateway has not said its port yet", after=GATEWAY_PATIENCE) from error
        return port
