"""Certificates that were refused, told from what clients make of that: each buries it in an error of its own."""

from __future__ import annotations

import ssl


def refused_certificate(error: BaseException) -> str | None:
    """Why, such as `self-signed certificate`; empty where nobody says; None when an error is about something else."""
    seen: list[BaseException] = []
    found: BaseException | None = error
    reason: str | None = None
    while found is not None and found not in seen:
        is_of_obstore = type(found).__module__.startswith("obstore") and "InvalidCertificate(" in str(found)
        if is_of_obstore or isinstance(found, ssl.SSLCertVerificationError):
            reason = reason or getattr(found, "verify_message", "").rstrip(".")
        seen.append(found)
        found = found.__cause__ or found.__context__
    return reason
