"""Logins and tokens as IDAH has them, for two published demo accounts.

Tokens are real JSON Web Tokens, but signed with HS256 where the platform uses ES256: a client reads only ``exp``.
"""

import base64
import hashlib
import hmac
import re
import time
from typing import Any

import orjson
from aiohttp import web

from blocks.sandbox.idah_wire import WireError

DEMO_API_KEY = "IDAH_" + "c0ffee" * 10 + "cafe"
DEMO_EMAIL = "demo@example.org"
DEMO_PASSWORD = "outhaul-demo"

API_TOKEN_SECONDS = 3600
EMAIL_TOKEN_SECONDS = 86_400

_KEY_FORM = re.compile(r"IDAH_[0-9a-fA-F]{64}")
_READ = tuple(f"{name}.read.as_org_owner" for name in ("dataset:projects", "dataset:datasets", "media:medias"))
_API_ACCOUNT = {
    "id": 7,
    "email": "api_service@example.org",
    "name": "API Service Account",
    "role": "api:project_ro_org",
    "scope": {"org": ["4"]},
}
_DEMO_ACCOUNT = {"id": 12, "email": DEMO_EMAIL, "name": "Demo User", "role": "user", "scope": None}


class IdahAuth:
    """Issues tokens and checks them.

    ``token_lifetime_seconds`` overrides what logins ask for, so that tests see tokens expire; ``exp`` is in whole
    seconds.
    """

    def __init__(self, secret: str, token_lifetime_seconds: float | None = None) -> None:
        self._secret = hashlib.sha256(secret.encode()).digest()
        self._token_lifetime_seconds = token_lifetime_seconds
        self._issued_count = 0
        self._oldest_good = 0
        self.revoked_keys: set[str] = set()

    def expire_tokens(self) -> None:
        """Every token issued so far is refused from now on, as if its time had come."""
        self._oldest_good = self._issued_count

    def login_with_key(self, body: dict[str, Any]) -> dict[str, Any]:
        """A revoked key stops logins only: what was issued before keeps working."""
        key = _required(body, "api_key")
        lifetime = body.get("token_expiration", API_TOKEN_SECONDS)
        if not isinstance(lifetime, int):
            raise WireError.invalid("/token_expiration", "must be an integer")
        if not _KEY_FORM.fullmatch(key):
            raise WireError.unauthorized("Invalid Key")
        if key in self.revoked_keys:
            raise WireError.unauthorized("API key has been revoked or expired")
        if key != DEMO_API_KEY:
            raise WireError.unauthorized("Invalid credentials")
        return self._account_document(_API_ACCOUNT, lifetime)

    def login_with_password(self, body: dict[str, Any]) -> dict[str, Any]:
        if (_required(body, "email"), _required(body, "password")) != (DEMO_EMAIL, DEMO_PASSWORD):
            raise WireError.unauthorized("invalid_credentials")
        return self._account_document(_DEMO_ACCOUNT, EMAIL_TOKEN_SECONDS)

    def check(self, request: web.Request) -> None:
        """Raises a 401 unless the request carries a good token: ``Bearer`` with a capital B, or else the cookie."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            token = request.cookies.get("auth-token", "")
        if not token:
            raise WireError.unauthorized()
        segments = token.split(".")
        if len(segments) != 3:
            raise WireError.unauthorized("Not enough or too many segments")
        if not hmac.compare_digest(self._sign(f"{segments[0]}.{segments[1]}"), segments[2]):
            raise WireError.unauthorized("Signature verification failed")
        header, payload = (orjson.loads(_unpack(segment)) for segment in segments[:2])
        if payload["exp"] <= time.time() or header["n"] < self._oldest_good:
            raise WireError.unauthorized("Signature has expired")

    def _account_document(self, account: dict[str, Any], lifetime_seconds: float) -> dict[str, Any]:
        if self._token_lifetime_seconds is not None:
            lifetime_seconds = self._token_lifetime_seconds
        expires_at = int(time.time() + lifetime_seconds)
        attributes = {
            "email": account["email"],
            "name": account["name"],
            "picture_url": None,
            "role_name": account["role"],
            "role_scope": account["scope"],
            "role_rights": list(_READ) if account["scope"] else ["dataset:datasets.*.as_user"],
            "exp": expires_at,
        }
        data = {"type": "iam:account_auths", "id": str(account["id"]), "attributes": attributes}
        return {"data": data, "meta": {"token": self._issue(account, expires_at)}}

    def _issue(self, account: dict[str, Any], expires_at: int) -> str:
        user = {name: account[name] for name in ("id", "email", "name")} | {"labels": ["api"]}
        payload = {"u": user, "r": account["role"], "s": account["scope"], "exp": expires_at}
        header = {"alg": "HS256", "n": self._issued_count}  # a number, or two logins in a second would share a token
        self._issued_count += 1
        signed = ".".join(_pack(orjson.dumps(part)) for part in (header, payload))
        return f"{signed}.{self._sign(signed)}"

    def _sign(self, text: str) -> str:
        return _pack(hmac.digest(self._secret, text.encode(), "sha256"))


def _required(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise WireError.invalid(f"/{name}", "is required" if value is None else "must be a string")
    return value


def _pack(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _unpack(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
