"""Why a prediction was not made, in the words of the API."""

from __future__ import annotations

from collections.abc import Sequence

from clary.core.errors import ApiError
from clary.store.record import Record


class ModelError(ApiError):
    """The container answered with an error of its own."""

    code = "ModelError"
    status = 424


class ServiceUnavailable(ApiError):
    """No host of the endpoint can answer just now."""

    code = "ServiceUnavailable"
    status = 503


class NoHost(ServiceUnavailable):
    """None of these variants, any of which would do, has a host."""

    def __init__(self, endpoint: str, variants: Sequence[str]) -> None:
        super().__init__(f"Endpoint {endpoint} has no host just now. Try again.")
        self.variants = variants


class Refused(ApiError):
    """The request does not fit the endpoint. The runtime's model spells this one without `Exception`."""

    code = "ValidationError"
    status = 400


def model_error(endpoint: Record, variant: str, uid: str, status: int, text: str) -> ModelError:
    """Return what the API says of a container's error; status 0 where it gave none."""
    group = f"/aws/sagemaker/Endpoints/{endpoint.name}"
    place = f"arn:aws:logs:{endpoint.region}:{endpoint.account}:log-group:{group}"
    received = "client" if 400 <= status < 500 else "server"
    message = (
        f'Received {received} error ({status}) from {variant} with message "{text}". '
        f"See the log group {group} in account {endpoint.account} for more information."
    )
    members = {
        "OriginalStatusCode": status,
        "OriginalMessage": text,
        "LogStreamArn": f"{place}:log-stream:{variant}/{uid}",
    }
    return ModelError(message, members=members)
