"""Keys and certificates for tests, made when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2036, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Holder:
    """Somebody with a key and a certificate for it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def key_pem(self, passphrase: bytes = b"") -> bytes:
        lock = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)

    def write(self, folder: Path) -> dict[str, str]:
        """Key and certificate as files; returns the options that name them."""
        (folder / "key.pem").write_bytes(self.key_pem())
        (folder / "certificate.pem").write_bytes(self.pem)
        return {"signing_key": str(folder / "key.pem"), "certificate": str(folder / "certificate.pem")}


def holder(
    name: str,
    issuer: Holder | None = None,
    *,
    begin: datetime = BEGIN,
    end: datetime = END,
    curve: ec.EllipticCurve | None = None,
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    digest: Any = None,
) -> Holder:
    """Somebody whose certificate an issuer made, or who made it alone; `extensions` say whether they are critical."""
    key = ec.generate_private_key(curve or ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )
    for extension, is_critical in extensions:
        builder = builder.add_extension(extension, critical=is_critical)
    certificate = builder.sign(issuer.key if issuer else key, digest or hashes.SHA256())
    return Holder(key, certificate)


def authority(name: str, issuer: Holder | None = None, *, depth: int | None = None, **values: Any) -> Holder:
    """Somebody who may issue certificates; `depth` is how many authorities may follow."""
    constraint = (x509.BasicConstraints(ca=True, path_length=depth), True)
    return holder(name, issuer, extensions=(constraint,), **values)


def later(moment: datetime, **by: int) -> datetime:
    return moment + timedelta(**by)
