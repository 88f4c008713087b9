"""The environment variables that make an unmodified AWS client arrive at this server."""

from __future__ import annotations

import importlib.util
import os
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path

from clary.core.aws_hosts import is_aws

_LOOPBACK = ("localhost", "127.0.0.1")
_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


def client_environment(
    server: Mapping[str, object], keys: Mapping[str, str], bundle: Path, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the exports for a client; one set to "" must be emptied.

    `server` is `run/gateway.json` (`port`, `proxy_port`), `keys` is `keys/administrator.json`, `bundle` what
    `write_bundle` wrote, `environ` the client's own environment, whose NO_PROXY is kept
    but for AWS hosts.
    """
    proxy = f"http://127.0.0.1:{server['proxy_port']}"
    told = f"{environ.get('NO_PROXY', '')},{environ.get('no_proxy', '')}".split(",")
    hosts = [host for host in (entry.strip() for entry in [*told, *_LOOPBACK]) if host and not is_aws(host)]
    direct = ",".join(dict.fromkeys(hosts))
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server['port']}",
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": "",
        "AWS_PROFILE": "",
        "AWS_REGION": keys["Region"],
        "AWS_DEFAULT_REGION": keys["Region"],
        "AWS_CA_BUNDLE": str(bundle),
        "REQUESTS_CA_BUNDLE": str(bundle),  # the SDKs make some calls through requests
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        "NO_PROXY": direct,
        "no_proxy": direct,
    }


def write_bundle(authority: Path, bundle: Path, environ: Mapping[str, str]) -> Path:
    """Write our authority and all that the client trusted until now, so that other hosts keep verifying."""
    content = authority.read_bytes() + b"".join(
        b"\n" + source.read_bytes() for source in _trusted(environ) if source.resolve() != bundle.resolve()
    )
    if not bundle.exists() or bundle.read_bytes() != content:
        descriptor, temporary = tempfile.mkstemp(dir=bundle.parent, prefix=".new-")
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(descriptor, 0o644)
        Path(temporary).replace(bundle)
    return bundle


def _trusted(environ: Mapping[str, str]) -> list[Path]:
    """Name the bundle a client would have used, and the system's, each once."""
    told = [environ.get(name, "") for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")]
    system = [ssl.get_default_verify_paths().cafile or "", *_SYSTEM_BUNDLES]
    files = list(
        dict.fromkeys(Path(name).resolve() for name in [*told, *system] if name and Path(name).is_file())
    )
    botocore = importlib.util.find_spec("botocore")
    if not files and botocore and botocore.origin:
        files = [Path(botocore.origin).parent / "cacert.pem"]
    return files
