"""Signatures of datasets: ECDSA on the curve P-256 over the digest of a dataset's rows, with the signer's certificate.

Made so that the same dataset and key give the same signature: RFC 6979 takes the place of chance, and the time of
signing is not that of a clock (see `signing_time`).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from exporters.errors import RequestError
from exporters.upd.canonical import data_hash, schema_hash

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate

CURVE = "secp256r1"
"""P-256 by another name; the only one that other tools take."""


class ContentSignature(Struct, frozen=True, rename="camel"):
    """One element of `Content-Signature`.

    `signature` is base64 of DER, `certificate` base64 of PEM: the signer's, and behind it those that lead to a root.
    """

    signature: str
    data_hash_algorithm: str
    data_hash: str
    schema_hash: str
    certificate: str
    curve: str
    signed_at: str
    signed_flavor_tables: list[str]


@dataclass(frozen=True)
class Signer:
    """A private key and its certificate, checked to belong together."""

    _key: EllipticCurvePrivateKey
    certificate: Certificate
    certificate_pem: bytes

    def __repr__(self) -> str:
        return f"Signer({self.certificate.subject.rfc4514_string()!r})"

    def sign(self, digest: bytes, algorithm: str) -> bytes:
        """The signature of a digest, DER."""
        from cryptography.hazmat.primitives.asymmetric import ec, utils  # noqa: PLC0415 - heavy, and seldom needed

        scheme = ec.ECDSA(utils.Prehashed(_hash(algorithm)), deterministic_signing=True)
        return self._key.sign(digest, scheme)


def load_signer(key_pem: bytes, certificate_pem: bytes, passphrase: bytes | None = None) -> Signer:
    """A signer from PEM texts.

    Raises:
        RequestError: one of them cannot be read, or they do not belong together; says which, never what they hold.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(key_pem, passphrase or None)
    except TypeError:
        said = "is locked; give its passphrase" if not passphrase else "is not locked; leave the passphrase out"
        raise RequestError(f"The signing key {said}.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise RequestError("The signing key cannot be read; give it as PEM, with the passphrase it has.") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != CURVE:
        raise RequestError("The signing key is of another kind than UPD signs with; make one of the curve P-256.")
    certificates = load_certificates(certificate_pem, "signing certificate")
    if certificates[0].public_key() != key.public_key():
        raise RequestError("The signing certificate belongs to another key; give the one that was made for this key.")
    return Signer(key, certificates[0], certificate_pem)


def load_certificates(pem: bytes, what: str) -> list[Certificate]:
    """The certificates of a PEM text, one at least.

    Raises:
        RequestError: there is none in it, or it cannot be read.
    """
    from cryptography import x509  # noqa: PLC0415

    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise RequestError(f"The {what} cannot be read; give a PEM file with certificates.") from None


def signing_time(signer: Signer, given: str, newest: datetime | None) -> datetime:
    """When a dataset counts as signed: as given, else when it was changed last, or the certificate began if later.

    A clock would make other bytes of the same export each time, and a run of last year's data would seem to be from
    today. The newest change says as much as is known: what is signed is not older than that.

    Raises:
        RequestError: the certificate is not valid then, so that the signature would not be either.
    """
    begin, end = signer.certificate.not_valid_before_utc, signer.certificate.not_valid_after_utc
    moment = read_time(given) if given else max(begin, newest or begin)
    if moment is None:
        raise RequestError(f"The option signed_at={given!r} is no time; write it as 2026-01-31T12:00:00Z.")
    if not begin <= moment <= end:
        raise RequestError(
            f"The signing certificate is valid from {show_time(begin)} to {show_time(end)}, but the dataset would be "
            f"signed as of {show_time(moment)}; take another certificate, or say when with --option signed_at=…"
        )
    return moment


def sign_dataset(
    connection: Any, dataset_id: str, signer: Signer, algorithm: str, signed_at: datetime
) -> ContentSignature:
    """Sign the rows of a dataset, as a connection that is using the file's database has them."""
    digest = data_hash(connection, dataset_id, algorithm)
    return ContentSignature(
        signature=_base64(signer.sign(digest, algorithm)),
        data_hash_algorithm=algorithm,
        data_hash=digest.hex(),
        schema_hash=schema_hash(connection, algorithm).hex(),
        certificate=_base64(signer.certificate_pem),
        curve=CURVE,
        signed_at=show_time(signed_at),
        signed_flavor_tables=[],
    )


def is_signature_of(digest: bytes, signature: bytes, algorithm: str, certificate: Certificate) -> bool:
    """Whether the holder of this certificate signed this digest."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, utils  # noqa: PLC0415

    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    try:
        key.verify(signature, digest, ec.ECDSA(utils.Prehashed(_hash(algorithm))))
    except InvalidSignature:
        return False
    return True


def newest(moments: Sequence[str | None], so_far: datetime | None = None) -> datetime | None:
    """The latest of these times, those that are none left out."""
    found = [moment for text in moments if text and (moment := read_time(text))]
    return max([*found, *([so_far] if so_far else [])], default=None)


def read_time(text: str) -> datetime | None:
    """A time in any ISO form or the platform's (`2026-01-14 10:23:18 +0000`), to the second; None when it is none."""
    try:
        moment = datetime.fromisoformat(text.strip().replace(" +", "+").replace(" -", "-"))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        return None


def show_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _hash(algorithm: str) -> Any:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415

    return {"SHA256": hashes.SHA256, "SHA512": hashes.SHA512}[algorithm]()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
