"""A bucket of a test's own on the shared server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server


@dataclass(frozen=True)
class Bucket:
    """One bucket and the administrator's client; the client is boto3's and loosely typed."""

    name: str
    server: Server
    s3: Any

    def refused(self, operation: str, **request: Any) -> tuple[str, int]:
        """Call what must be refused; answer code and status."""
        with pytest.raises(ClientError) as caught:
            getattr(self.s3, operation)(Bucket=self.name, **request)
        response = caught.value.response
        return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def make(server: Server, **options: Any) -> Bucket:
    """Create a bucket of a name nobody else has."""
    name = f"conformance-{uuid4().hex[:12]}"
    client = server.client("s3", **options)
    client.create_bucket(Bucket=name)
    return Bucket(name, server, client)
