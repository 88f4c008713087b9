"""The home's own certificate authority, so that clients with AWS addresses wired in can be answered over TLS.

The authority is confined by name constraints to AWS's domains: stolen, its key signs nothing else.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from clary.core.aws_hosts import AWS_DOMAINS

_AUTHORITY_LIFE = timedelta(days=3650)
_LEAF_LIFE = timedelta(days=30)
_RENEW_BEFORE = timedelta(days=1)
_CLOCK_SKEW = timedelta(days=1)


def certificate_path(keys: Path) -> Path:
    """Name the authority's public certificate, which clients are told to trust."""
    return keys / "ca.pem"


def ensure_authority(keys: Path, now: datetime) -> Path:
    """Make the authority unless it is there; call under the home's lock. Returns the certificate's path."""
    certificate = certificate_path(keys)
    if certificate.exists() and (keys / "ca.key").exists():
        return certificate
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Clary local authority")])
    only = x509.NameConstraints([x509.DNSName(domain) for domain in AWS_DOMAINS], None)
    built = (
        _builder(name, name, key.public_key(), now, _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(only, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _replace(keys / "ca.key", _private(key), 0o600)
    _replace(certificate, built.public_bytes(serialization.Encoding.PEM), 0o644)
    return certificate


class Leaves:
    """TLS server contexts, one a host name, signed when first asked for and kept in memory only."""

    def __init__(self, keys: Path) -> None:
        self._authority = x509.load_pem_x509_certificate(certificate_path(keys).read_bytes())
        key = serialization.load_pem_private_key((keys / "ca.key").read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{keys / 'ca.key'} is not an elliptic curve key; delete it and start again.")
        self._authority_key = key
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._contexts: dict[str, tuple[datetime, ssl.SSLContext]] = {}

    def context(self, host: str) -> ssl.SSLContext:
        """Return a context that proves to be `host`."""
        now = datetime.now(UTC)
        expires, context = self._contexts.get(host, (now, None))
        if context is None or expires - now < _RENEW_BEFORE:
            context = self._make(host, now)
            self._contexts[host] = (now + _LEAF_LIFE, context)
        return context

    def _make(self, host: str, now: datetime) -> ssl.SSLContext:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
        issuer_key = self._authority_key.public_key()
        leaf = (
            _builder(name, self._authority.subject, self._key.public_key(), now, _LEAF_LIFE)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
            .sign(self._authority_key, hashes.SHA256())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        chain = leaf.public_bytes(serialization.Encoding.PEM) + _private(self._key)
        memory = os.memfd_create("leaf", os.MFD_CLOEXEC)  # ssl reads only files
        try:
            os.write(memory, chain)
            context.load_cert_chain(f"/proc/self/fd/{memory}")
        finally:
            os.close(memory)
        context.set_alpn_protocols(["http/1.1"])
        return context


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + life)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _replace(path: Path, content: bytes, mode: int) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    Path(temporary).replace(path)
