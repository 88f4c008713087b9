"""Identity providers, OpenID Connect and SAML: kept as records, and asked by nobody."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from clary.core import ids
from clary.core.document import Document
from clary.core.errors import NotBuilt
from clary.operations.iam.answers import absent, invalid, limit, mine
from clary.operations.registry import Call, operation
from clary.resources.iam.open_id_connect_provider import OPEN_ID_CONNECT_PROVIDER
from clary.resources.iam.saml_provider import SAML_PROVIDER
from clary.resources.spec import Resource
from clary.store.records import Record, Records

_CLIENTS = 100
_THUMBPRINTS = 5
_VALID = timedelta(days=365 * 100)  # Metadata without a validUntil of its own.


@operation("iam", "CreateOpenIDConnectProvider", level="stored")
def create_open_id_connect_provider(call: Call) -> Document:
    """Keep a provider under its URL."""
    records, request = mine(call), call.request
    url = urlsplit(request["Url"])
    if url.scheme != "https" or not url.netloc or url.query or url.fragment or "@" in url.netloc:
        raise invalid(f"Invalid Open ID Connect Provider URL: {request['Url']} must be https://host/path.")
    clients, thumbprints = request.get("ClientIDList", []), request.get("ThumbprintList", [])
    _check_sizes(clients, thumbprints)
    host = url.netloc + url.path.rstrip("/")
    doc = {
        "Host": host,
        "Url": host,
        "ClientIDList": list(dict.fromkeys(clients)),
        "ThumbprintList": thumbprints,
        "Tags": request.get("Tags", []),
        "CreateDate": call.clock.now().replace(microsecond=0),
    }
    made = records.create(OPEN_ID_CONNECT_PROVIDER, doc)
    return {"OpenIDConnectProviderArn": made.arn, **_tags(made)}


@operation("iam", "GetOpenIDConnectProvider", level="stored")
def get_open_id_connect_provider(call: Call) -> Document:
    """Describe a provider."""
    found = provider(mine(call), OPEN_ID_CONNECT_PROVIDER, call.request)
    members = ("Url", "ClientIDList", "ThumbprintList", "CreateDate")
    return {**{name: found.doc[name] for name in members}, **_tags(found)}


@operation("iam", "ListOpenIDConnectProviders", level="stored")
def list_open_id_connect_providers(call: Call) -> Document:
    """List the providers' ARNs."""
    return {
        "OpenIDConnectProviderList": [{"Arn": one.arn} for one in mine(call).each(OPEN_ID_CONNECT_PROVIDER)]
    }


@operation("iam", "AddClientIDToOpenIDConnectProvider", level="stored")
def add_client_id(call: Call) -> None:
    """Add an audience; one that is there changes nothing."""
    _change_clients(call, lambda clients, one: [*clients, *([] if one in clients else [one])])


@operation("iam", "RemoveClientIDFromOpenIDConnectProvider", level="stored")
def remove_client_id(call: Call) -> None:
    """Remove an audience; one that is not there does not matter."""
    _change_clients(call, lambda clients, one: [item for item in clients if item != one])


@operation("iam", "UpdateOpenIDConnectProviderThumbprint", level="stored")
def update_thumbprint(call: Call) -> None:
    """Replace the thumbprints."""
    records, thumbprints = mine(call), call.request["ThumbprintList"]
    _check_sizes((), thumbprints)
    with records.database.write():
        found = provider(records, OPEN_ID_CONNECT_PROVIDER, call.request)
        records.update(found, {"ThumbprintList": thumbprints})


@operation("iam", "DeleteOpenIDConnectProvider", level="stored")
def delete_open_id_connect_provider(call: Call) -> None:
    """Delete a provider."""
    _delete(call, OPEN_ID_CONNECT_PROVIDER)


@operation("iam", "CreateSAMLProvider", level="stored")
def create_saml_provider(call: Call) -> Document:
    """Keep a provider's metadata under a name."""
    _refuse_encryption(call)
    records, request, now = mine(call), call.request, call.clock.now().replace(microsecond=0)
    doc = {
        "Name": request["Name"],
        "SAMLMetadataDocument": _metadata(request["SAMLMetadataDocument"]),
        "SAMLProviderUUID": ids.identity_id("", 24),
        "Tags": request.get("Tags", []),
        "CreateDate": now,
        "ValidUntil": now + _VALID,
    }
    made = records.create(SAML_PROVIDER, doc)
    return {"SAMLProviderArn": made.arn, **_tags(made)}


@operation("iam", "GetSAMLProvider", level="stored")
def get_saml_provider(call: Call) -> Document:
    """Describe a provider."""
    found = provider(mine(call), SAML_PROVIDER, call.request)
    members = ("SAMLProviderUUID", "SAMLMetadataDocument", "CreateDate", "ValidUntil")
    return {**{name: found.doc[name] for name in members}, **_tags(found)}


@operation("iam", "ListSAMLProviders", level="stored")
def list_saml_providers(call: Call) -> Document:
    """List the providers."""
    found = mine(call).each(SAML_PROVIDER)
    shown = [{"Arn": one.arn, **{n: one.doc[n] for n in ("ValidUntil", "CreateDate")}} for one in found]
    return {"SAMLProviderList": shown}


@operation("iam", "UpdateSAMLProvider", level="stored")
def update_saml_provider(call: Call) -> Document:
    """Replace a provider's metadata."""
    _refuse_encryption(call)
    records = mine(call)
    with records.database.write():
        found = provider(records, SAML_PROVIDER, call.request)
        if "SAMLMetadataDocument" in call.request:
            records.update(found, {"SAMLMetadataDocument": _metadata(call.request["SAMLMetadataDocument"])})
    return {"SAMLProviderArn": found.arn}


@operation("iam", "DeleteSAMLProvider", level="stored")
def delete_saml_provider(call: Call) -> None:
    """Delete a provider."""
    _delete(call, SAML_PROVIDER)


def provider(records: Records, resource: Resource, request: Document) -> Record:
    """Return the provider whose ARN a request gives."""
    arn: str = request[f"{resource.kind}Arn"]
    found = records.find(resource, arn.partition("/")[2])
    if found is None or found.arn != arn:
        raise absent(resource.missing_text.format(arn=arn))
    return found


def _change_clients(call: Call, change: Callable[[list[str], str], list[str]]) -> None:
    records = mine(call)
    with records.database.write():
        found = provider(records, OPEN_ID_CONNECT_PROVIDER, call.request)
        clients = change(found.doc["ClientIDList"], call.request["ClientID"])
        _check_sizes(clients, ())
        records.update(found, {"ClientIDList": clients})


def _delete(call: Call, resource: Resource) -> None:
    records = mine(call)
    with records.database.write():
        records.delete(provider(records, resource, call.request))


def _check_sizes(clients: Sequence[str], thumbprints: Sequence[str]) -> None:
    if len(clients) > _CLIENTS:
        raise limit(f"Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {_CLIENTS}")
    if len(thumbprints) > _THUMBPRINTS:
        raise invalid("Thumbprint list must contain fewer than 5 entries.")


def _refuse_encryption(call: Call) -> None:
    for name in ("AssertionEncryptionMode", "AddPrivateKey", "RemovePrivateKey"):
        if name in call.request:
            raise NotBuilt(f"{call.operation} with {name}")


def _metadata(text: str) -> str:
    if not re.search(r"<(\w+:)?EntityDescriptor\b", text):
        raise invalid("Could not parse metadata: it has no EntityDescriptor.")
    return text


def _tags(record: Record) -> Document:
    return {"Tags": record.doc["Tags"]} if record.doc.get("Tags") else {}
