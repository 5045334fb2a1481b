"""Signatures of webhooks as standardwebhooks.com has them, so that either end may be somebody else's library.

An HMAC with SHA-256 over the message's id, its time and its body as it stands: nobody without the secret can make one,
alter one, or send one again later than `TOLERANCE_SECONDS`. Who sends it again earlier is known by the id.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from exporters.errors import OuthaulError, RequestError

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE_SECONDS = 300
PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES = 24, 64
MOST_SIGNATURES = 10
"""That are looked at; a sender has as many as secrets between which it moves."""
_ID = re.compile(r"[\x21-\x7e]{1,256}")


class SignatureError(OuthaulError):
    """A message is not from whom it should be, or not from now."""


def read_secret(text: str) -> bytes:
    """The bytes of a secret as people have it: base64, with or without `whsec_` in front.

    Raises:
        RequestError: it is none, or so short that it can be guessed.
    """
    try:
        secret = base64.b64decode(text.strip().removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not LEAST_BYTES <= len(secret) <= MOST_BYTES:
        raise RequestError(
            f"A webhook's secret is {LEAST_BYTES} to {MOST_BYTES} random bytes as base64, and this is none; "
            f"make one with: openssl rand -base64 32"
        )
    return secret


def sign(secret: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a message."""
    signature = base64.b64encode(_mac(secret, message_id, str(timestamp), body)).decode()
    return {ID: message_id, TIMESTAMP: str(timestamp), SIGNATURE: f"v1,{signature}"}


def check_signature(secrets: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: float) -> str:
    """The id of a message that was signed, not long ago, with one of the secrets.

    Raises:
        SignatureError: it was not; says what of it is wrong, and nothing of what would be right.
    """
    message_id, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not _ID.fullmatch(message_id) or not timestamp.isascii() or not timestamp.isdecimal():
        raise SignatureError(
            f"The headers {ID} and {TIMESTAMP} (seconds since 1970) are missing, or are not as such; send them."
        )
    given = headers.get(SIGNATURE, "").split()[:MOST_SIGNATURES]
    signatures = [one.removeprefix("v1,").encode() for one in given if one.startswith("v1,")]
    # All are compared, however many match: how long it takes tells nothing.
    matches = [
        hmac.compare_digest(base64.b64encode(_mac(secret, message_id, timestamp, body)), signature)
        for secret in secrets
        for signature in signatures
    ]
    if not any(matches):
        raise SignatureError(
            "The signature is not one of this message by a secret that is known here; compare the secrets."
        )
    if len(timestamp) > 12 or abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise SignatureError(
            f"The message is not from now: its time is more than {TOLERANCE_SECONDS} seconds off; set the clock."
        )
    return message_id


def _mac(secret: bytes, message_id: str, timestamp: str, body: bytes) -> bytes:
    return hmac.digest(secret, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
