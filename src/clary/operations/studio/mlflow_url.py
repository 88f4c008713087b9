"""Presigned addresses of an MLflow server's pages, and the sessions that they begin.

Both carry who is meant, sealed with the server's master key for one MLflow server; nothing is kept.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from dataclasses import asdict
from datetime import datetime, timedelta

from clary.core.aws_hosts import is_aws
from clary.core.document import Document
from clary.core.principal import Principal
from clary.operations import crud
from clary.operations.kinds import of
from clary.operations.registry import Call, operation
from clary.resources.spec import Resource
from clary.resources.studio.mlflow import MLFLOW_APP, MLFLOW_TRACKING_SERVER
from clary.store.keys import MasterKey

PATH = "/_clary/mlflow"
URL_LIFE, SESSION_LIFE = 300, 43200  # seconds, where a call names none: evidence/mlflow.md
_URL, _SESSION = "mlflow-url", "mlflow-session"


@operation("sagemaker", "CreatePresignedMlflowTrackingServerUrl", level="behaves")
def server_url(call: Call) -> Document:
    """Return an address that opens a tracking server's pages in the caller's name."""
    return _url(MLFLOW_TRACKING_SERVER, call)


@operation("sagemaker", "CreatePresignedMlflowAppUrl", level="behaves")
def app_url(call: Call) -> Document:
    """Return an address that opens an app's pages in the caller's name."""
    return _url(MLFLOW_APP, call)


def session(key: MasterKey, uid: str, token: str, now: datetime) -> tuple[str, int] | None:
    """Return the session that an address's token begins, and for how many seconds; None if it is no good."""
    found = _open(key, _URL, uid, token, now)
    if found is None:
        return None
    seconds = int(found["session"])
    return _seal(key, _SESSION, uid, found["principal"], now + timedelta(seconds=seconds)), seconds


def principal_of(key: MasterKey, uid: str, token: str, now: datetime) -> Principal | None:
    """Return whose session it is; None if it is over, or of another server."""
    found = _open(key, _SESSION, uid, token, now)
    if found is None:
        return None
    said = found["principal"]
    return Principal(
        **{
            **said,
            "session_policies": tuple(said["session_policies"]),
            "transitive": tuple(said["transitive"]),
        }
    )


def _url(resource: Resource, call: Call) -> Document:
    record = crud.named(of(resource), call)
    until = call.clock.now() + timedelta(seconds=call.request.get("ExpiresInSeconds", URL_LIFE))
    seconds = call.request.get("SessionExpirationDurationInSeconds", SESSION_LIFE)
    key = MasterKey.open(call.settings.home.keys)
    token = _seal(key, _URL, record.uid, asdict(call.principal), until, session=seconds)
    return {"AuthorizedUrl": f"{_base(call)}{PATH}/{record.uid}/auth?authToken={token}"}


def _base(call: Call) -> str:
    """Return where a browser finds this server: as the caller does, unless the redirect led it here."""
    host = call.headers.get("host") or call.headers.get("Host") or ""
    if not host or is_aws(host.partition(":")[0]):
        try:
            told: Document = json.loads((call.settings.home.run / "gateway.json").read_text())
        except (OSError, ValueError):
            told = {"port": call.settings.port}
        host = f"{call.settings.host}:{told['port']}"
    return f"http://{host}"


def _seal(
    key: MasterKey, purpose: str, uid: str, principal: Document, until: datetime, **more: object
) -> str:
    text = json.dumps({"principal": principal, "until": until.timestamp(), **more})
    sealed = key.seal(purpose, zlib.compress(text.encode()), uid)
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def _open(key: MasterKey, purpose: str, uid: str, token: str, now: datetime) -> Document | None:
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (ValueError, binascii.Error):
        return None
    plain = key.unseal(purpose, sealed, uid)
    if plain is None:
        return None
    found: Document = json.loads(zlib.decompress(plain))
    return found if now.timestamp() < found["until"] else None
