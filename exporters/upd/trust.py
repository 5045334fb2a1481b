"""Whether a certificate leads to a root that is trusted, at a time: names, signatures, dates, and who may issue.

Checked by hand, because what the library offers checks certificates of web servers and their clients, which signers of
datasets are not. What is not understood is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    Path = tuple[Certificate, ...]

MAX_CHAIN = 5
"""Certificates from a signer to a root; more would make work for those who have to look through them."""


def why_untrusted(chain: Sequence[Certificate], roots: Sequence[Certificate], moment: datetime) -> str:
    """Why a signer is not trusted, as the end of a sentence; empty when it is.

    Args:
        chain: the signer's certificate, and others that may lead on from it, in any order.
        roots: what is trusted, also the signer's certificate itself.
        moment: when it signed.
    """
    reason = "its certificate leads to no root that is trusted"
    for path in _paths(chain[0], chain[1:MAX_CHAIN], roots, ()):
        reason = _fault(path, moment)
        if not reason:
            return ""
    return reason


def _paths(
    certificate: Certificate, others: Sequence[Certificate], roots: Sequence[Certificate], before: Path
) -> list[Path]:
    """All ways from a certificate to a root."""
    path = (*before, certificate)
    if certificate in roots:
        return [path]
    if len(path) >= MAX_CHAIN:
        return []
    issuers = [one for one in (*roots, *others) if one not in path and _has_issued(one, certificate)]
    return [found for issuer in dict.fromkeys(issuers) for found in _paths(issuer, others, roots, path)]


def _has_issued(issuer: Certificate, certificate: Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - heavy, and seldom needed

    try:
        certificate.verify_directly_issued_by(issuer)  # refuses broken digests too
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _fault(path: Path, moment: datetime) -> str:
    """What is wrong with a way from the signer to a root; empty when nothing is."""
    for depth, certificate in enumerate(path):
        name = f"the certificate of {certificate.subject.rfc4514_string()}"
        if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
            return f"{name} was not valid when it signed"
        if fault := _extension_fault(certificate, depth):
            return f"{name} {fault}"
    return ""


def _extension_fault(certificate: Certificate, depth: int) -> str:
    """`depth` counts from the signer: from 1 on, a certificate has issued another."""
    from cryptography import x509  # noqa: PLC0415

    try:
        extensions = {type(one.value): one for one in certificate.extensions}
    except (ValueError, x509.DuplicateExtension):
        return "cannot be read"
    known = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage)
    if any(one.critical and kind not in known for kind, one in extensions.items()):
        return "has a critical extension that is not known here"
    usage = extensions.get(x509.KeyUsage)
    constraints = extensions.get(x509.BasicConstraints)
    if depth == 0:
        return "" if usage is None or usage.value.digital_signature else "is not made for signatures"
    if constraints is None or not constraints.value.ca or (usage is not None and not usage.value.key_cert_sign):
        return "may not issue others"
    limit = constraints.value.path_length
    return "may not issue at this depth" if limit is not None and depth - 1 > limit else ""
