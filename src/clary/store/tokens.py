"""Page tokens: where the next page of one query starts, signed, good for a day.

Clients may not read, change or make them: one of another query, account or operation is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

from clary.core.clock import Clock
from clary.core.errors import ValidationError
from clary.store.database import Database
from clary.store.secrets import secret

Position = list[str | int | float | None]

_SIGNATURE = 16  # Bytes of the token that are its signature.
_LIFE = timedelta(hours=24)


class Tokens:
    """Seals and opens the tokens of one query, which `said` tells apart from every other."""

    def __init__(self, database: Database, clock: Clock, said: str) -> None:
        self._key = secret(database, "page-token")
        self._now = clock.now
        self._digest = hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()[:16]

    def seal(self, position: Position) -> str:
        """Return the token that says: go on after this position."""
        made = int(self._now().timestamp())
        said = json.dumps([self._digest, made, *position], separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(_sign(self._key, said) + said).decode().rstrip("=")

    def open(self, token: str) -> Position:
        """Return the position, or refuse the token."""
        try:
            sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise _refused() from error
        signature, said = sealed[:_SIGNATURE], sealed[_SIGNATURE:]
        if not hmac.compare_digest(signature, _sign(self._key, said)):
            raise _refused()
        digest, made, *position = json.loads(said)
        if digest != self._digest:
            raise ValidationError(
                "The NextToken belongs to another request: repeat the request it came from unchanged."
            )
        if self._now() - datetime.fromtimestamp(made, UTC) > _LIFE:
            raise ValidationError("The NextToken is more than a day old: begin again without one.")
        return list(position)


def _sign(key: bytes, said: bytes) -> bytes:
    return hmac.digest(key, said, "sha256")[:_SIGNATURE]


def _refused() -> ValidationError:
    return ValidationError("The NextToken is not one this server gave out.")
