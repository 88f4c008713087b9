"""What one call may ask for: AWS's own limits, or what a machine of one's own bears."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    prediction_bytes: int
    serverless_bytes: int
    model_seconds: float
    stream_seconds: float


STRICT = Limits(
    prediction_bytes=6_291_456, serverless_bytes=4_194_304, model_seconds=60.0, stream_seconds=480.0
)
"""InvokeEndpoint's documented limits: evidence/invoke-limits.md, evidence/serverless.md."""

LIFTED = Limits(
    prediction_bytes=256 << 20, serverless_bytes=256 << 20, model_seconds=3600.0, stream_seconds=3600.0
)
