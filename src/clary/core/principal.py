"""Who is calling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Principal:
    """An authenticated caller.

    `arn` is what GetCallerIdentity answers; `grants` is the ARN of the user or role whose policies apply
    (for an assumed role the role's own ARN). `session_policies` are documents, or ARNs of managed policies;
    `transitive` names the tags that sessions made from this one inherit.
    The local administrator presents itself as a session of the execution role, which `get_execution_role()`
    needs, while its grants are the administrator's.
    """

    account: str
    arn: str
    user_id: str
    grants: str
    kind: Literal["root", "user", "assumed-role", "federated", "anonymous"] = "assumed-role"
    session_policies: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive: tuple[str, ...] = ()
    source_identity: str = ""
    temporary: bool = False


@dataclass(frozen=True, kw_only=True)
class Credential:
    """One access key as the signature check needs it. `token` is the session token that must come with it."""

    access_key: str
    secret: str
    principal: Principal
    token: str | None = None
    expires: datetime | None = None
