"""The published SigV4 cases as requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from clary.core.principal import Credential, Principal
from clary.wire.message import Headers, HttpRequest

FOLDER = Path(__file__).parent / "sigv4" / "v4"
SOMEBODY = Principal(
    account="000000000000", arn="arn:aws:iam::000000000000:user/a", user_id="AIDA", grants="arn"
)


@dataclass(frozen=True)
class SigningCase:
    """One signed request of one case."""

    name: str
    kind: str
    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    credential: Credential
    at: datetime
    normalise: bool
    canonical: str

    def __str__(self) -> str:
        return f"{self.name}-{self.kind}"

    def request(self) -> HttpRequest:
        """Return the request as the gateway would build it."""
        return HttpRequest(
            method=self.method,
            path=self.path,
            query=self.query,
            headers=Headers(list(self.headers)),
            body=self.body,
        )


def signing_cases() -> Iterator[SigningCase]:
    """Yield every case twice: signed in its headers and signed in its query."""
    for folder in sorted(FOLDER.iterdir()):
        context = json.loads((folder / "context.json").read_text())
        keys = context["credentials"]
        credential = Credential(
            access_key=keys["access_key_id"],
            secret=keys["secret_access_key"],
            token=keys.get("token"),
            principal=SOMEBODY,
        )
        for kind in ("header", "query"):
            raw = (folder / f"{kind}-signed-request.txt").read_bytes().replace(b"\r\n", b"\n")
            head, _, body = raw.partition(b"\n\n")
            first, *lines = head.decode("latin-1").replace("\n ", " ").split("\n")
            method, _, rest = first.partition(" ")
            path, _, query = rest.rpartition(" ")[0].partition("?")
            fields = (line.partition(":") for line in lines if line)
            yield SigningCase(
                name=folder.name,
                kind=kind,
                method=method,
                path=path,
                query=query,
                headers=tuple((name, value) for name, _, value in fields),
                body=body,
                credential=credential,
                at=datetime.fromisoformat(context["timestamp"]),
                normalise=context["normalize"],
                canonical=(folder / f"{kind}-canonical-request.txt").read_text(),
            )
