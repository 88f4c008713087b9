"""One request on its way through the chain, and the parts that the chain's steps use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.model import OperationModel, ServiceModel

from clary.core.clock import Clock
from clary.core.document import Document
from clary.core.settings import Settings
from clary.gateway.access import AccessLog
from clary.gateway.audit import Audit
from clary.gateway.chunked import Decoder
from clary.gateway.line import Line
from clary.gateway.sigv4 import Signed
from clary.gateway.staging import Staging
from clary.gateway.waiting import Waiting
from clary.operations.authorise import Authoriser
from clary.operations.dispatch import Dispatcher
from clary.operations.registry import Call
from clary.serving.awslambda.functions import Functions
from clary.serving.router import Router
from clary.store.changes import Glance
from clary.store.credentials import Credentials
from clary.store.logs import Logs
from clary.store.metrics import Metrics
from clary.store.objects import Objects
from clary.store.records import Records
from clary.wire.message import HttpRequest, HttpResponse

# ASGI's own messages are loosely typed dictionaries.
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class DataPlane:
    """What predictions pass through; its caches hold as of a `look` no older than the call they serve."""

    look: Callable[[float], None]
    changes: Glance
    credentials: Credentials
    authoriser: Authoriser
    router: Router
    functions: Functions


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What one gateway process is made of; `clary.app` joins it."""

    settings: Settings
    clock: Clock
    records: Records
    objects: Objects
    logs: Logs
    metrics: Metrics
    credentials: Credentials
    authoriser: Authoriser
    dispatcher: Dispatcher
    plane: DataPlane
    audit: Audit
    access: AccessLog | None
    pool: ThreadPoolExecutor
    wake: Path


@dataclass(kw_only=True, slots=True)
class Exchange:
    """One request, filled in step by step."""

    id: str
    began: datetime
    source: str
    request: HttpRequest
    receive: Receive
    line: Line | None = None
    waiting: Waiting | None = None
    service: ServiceModel | None = None
    operation: OperationModel | None = None
    uploads: bool = False
    received: bool = False
    signed: Signed | None = None
    staging: Staging | None = None
    decoder: Decoder | None = None
    block: bytes = b""
    call: Call | None = None
    resource: str = ""
    result: Document = field(default_factory=dict)
    response: HttpResponse | None = None


class Disconnected(Exception):
    """The client went away before its request was complete; nobody is left to answer."""
