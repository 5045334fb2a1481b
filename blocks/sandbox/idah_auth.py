"""Logins and tokens as IDAH has them, for the published accounts.

Tokens are real JSON Web Tokens, but signed with HS256 where the platform uses ES256: a client reads only ``exp``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from typing import Any

import orjson
from aiohttp import web

from blocks.sandbox.idah_accounts import DEMO_API_KEY, DEMO_EMAIL, DEMO_PASSWORD, KEYS, PEOPLE, Account
from blocks.sandbox.idah_wire import WireError

__all__ = ["DEMO_API_KEY", "DEMO_EMAIL", "DEMO_PASSWORD", "IdahAuth"]

API_TOKEN_SECONDS = 3600
EMAIL_TOKEN_SECONDS = 86_400
REFRESH_SECONDS = 14 * 86_400
REFRESH_PATH = "/api/v1/iam"

_KEY_FORM = re.compile(r"IDAH_[0-9a-fA-F]{64}")


class IdahAuth:
    """Issues tokens and checks them.

    ``token_lifetime_seconds`` overrides what logins ask for, so that tests see tokens expire; ``exp`` is in whole
    seconds. A key in ``revoked_keys``, one in ``inactive_keys`` (with its status), and a person in ``disabled_emails``
    cannot log in.
    """

    def __init__(self, secret: str, token_lifetime_seconds: float | None = None) -> None:
        self._secret = hashlib.sha256(secret.encode()).digest()
        self._token_lifetime_seconds = token_lifetime_seconds
        self._issued_count = 0
        self._oldest_good = 0
        self._dead: set[int] = set()
        self.revoked_keys: set[str] = set()
        self.inactive_keys: dict[str, str] = {}
        self.disabled_emails: set[str] = set()

    def expire_tokens(self) -> None:
        """Every token issued so far is refused from now on, as if its time had come."""
        self._oldest_good = self._issued_count

    def expire_token(self, request: web.Request) -> None:
        """The same for the one token that the request carries, if it carries a good one."""
        try:
            self._dead.add(self._opened(self._carried(request))[0])
        except WireError:
            return

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
        if key in self.inactive_keys:
            raise WireError.unauthorized(f"API key is not active (status: {self.inactive_keys[key]})")
        if key not in KEYS:
            raise WireError.unauthorized("Invalid credentials")
        return self._account_document(KEYS[key], lifetime)

    def login_with_password(self, body: dict[str, Any]) -> dict[str, Any]:
        email, password = _required(body, "email"), _required(body, "password")
        if email not in PEOPLE or password != DEMO_PASSWORD:
            raise WireError.unauthorized("invalid_credentials")
        if email in self.disabled_emails:
            raise WireError.unauthorized("account_disabled")
        return self._account_document(PEOPLE[email], EMAIL_TOKEN_SECONDS)

    def refresh(self, request: web.Request) -> dict[str, Any]:
        """A new token for the cookie that a person's login left."""
        account = self._owner_of(request.cookies.get("refresh-token", ""))
        return self._account_document(account, EMAIL_TOKEN_SECONDS)

    def set_cookies(self, answer: web.Response, document: dict[str, Any]) -> None:
        """What a login with ``cookie: true`` leaves in a browser."""
        token = document["meta"]["token"]
        refresh = self._issue(self._owner_of(token), int(time.time() + REFRESH_SECONDS))
        for name, value, seconds, path in (
            ("auth-token", token, EMAIL_TOKEN_SECONDS, "/"),
            ("refresh-token", refresh, REFRESH_SECONDS, REFRESH_PATH),
        ):
            answer.set_cookie(name, value, max_age=seconds, path=path, httponly=True, secure=True)

    def check(self, request: web.Request) -> Account:
        """Whose token it is; a 401 unless there is a good one: after ``Bearer`` with a capital B, or in the cookie."""
        return self._owner_of(self._carried(request))

    def _owner_of(self, token: str) -> Account:
        number, account, expires_at = self._opened(token)
        if expires_at <= time.time() or number < self._oldest_good or number in self._dead:
            raise WireError.unauthorized("Signature has expired")
        return account

    @staticmethod
    def _carried(request: web.Request) -> str:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return token if scheme == "Bearer" else request.cookies.get("auth-token", "")

    def _opened(self, token: str) -> tuple[int, Account, int]:
        """A token's number, its account and its end in Unix seconds."""
        if not token:
            raise WireError.unauthorized()
        segments = token.split(".")
        if len(segments) != 3:
            raise WireError.unauthorized("Not enough or too many segments")
        if not hmac.compare_digest(self._sign(f"{segments[0]}.{segments[1]}"), segments[2]):
            raise WireError.unauthorized("Signature verification failed")
        header, payload = (orjson.loads(_unpack(segment)) for segment in segments[:2])
        holders = PEOPLE.values() if payload["s"] is None else KEYS.values()
        named = (payload["u"]["email"], payload["r"], payload["s"])
        account = next(one for one in holders if (one.email, one.role, one.scope) == named)
        return header["n"], account, payload["exp"]

    def _account_document(self, account: Account, lifetime_seconds: float) -> dict[str, Any]:
        if self._token_lifetime_seconds is not None:
            lifetime_seconds = self._token_lifetime_seconds
        expires_at = int(time.time() + lifetime_seconds)
        attributes = {
            "email": account.email,
            "name": account.name,
            "picture_url": None,
            "role_name": account.role,
            "role_scope": account.scope,
            "role_rights": account.rights,
            "exp": expires_at,
        }
        data = {"type": "iam:account_auths", "id": str(account.id), "attributes": attributes}
        return {"data": data, "meta": {"token": self._issue(account, expires_at)}}

    def _issue(self, account: Account, expires_at: int) -> str:
        user = {"id": account.id, "email": account.email, "name": account.name, "labels": ["api"]}
        payload = {"u": user, "r": account.role, "s": account.scope, "exp": expires_at}
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
