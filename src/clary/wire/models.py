"""The service models of the pinned botocore, loaded once and only when a service is first spoken to."""

from __future__ import annotations

import functools

from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.model import ServiceModel


@functools.cache
def service(name: str) -> ServiceModel:
    """Return the model of the service botocore calls `name`; an unknown name is a KeyError."""
    try:
        description = _loader().load_service_model(name, "service-2")
    except UnknownServiceError as error:
        raise KeyError(name) from error
    return ServiceModel(description, name)


@functools.cache
def names() -> frozenset[str]:
    """Return the names of every service botocore has a model of."""
    return frozenset(_loader().list_available_services("service-2"))


@functools.cache
def _loader() -> Loader:
    # Only the package's own data: a model in ~/.aws/models must not change what a server accepts.
    return Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
