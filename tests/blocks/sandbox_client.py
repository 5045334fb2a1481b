"""A client of the IDAH sandbox for its own tests: plain HTTP, nothing in common with the product's."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from blocks.sandbox.idah import DEMO_API_KEY, DEMO_PASSWORD


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def ids(self) -> list[str]:
        return [row["id"] for row in self.json["data"]]

    @property
    def error(self) -> tuple[int, str]:
        """Status and detail; the document has to repeat the status."""
        document = self.json
        error = document["errors"][0] if "errors" in document else document
        assert str(self.status) == str(error["status"])
        return self.status, error["detail"]


class Client:
    """Speaks HTTP/1.1 with the standard library: no retries, no pool, nothing in common with the product's client."""

    def __init__(self, url: str, *, key: str = DEMO_API_KEY, email: str | None = None) -> None:
        """Logs in with a key, or as a person."""
        self.url = url
        self.address = (urlsplit(url).hostname or "", urlsplit(url).port or 0)
        self.headers: dict[str, str] = {}
        person = {"email": email, "password": DEMO_PASSWORD}
        answer = self.post("iam/auth/login", person) if email else self.login(api_key=key)
        self.headers["Authorization"] = f"Bearer {answer.json['meta']['token']}"

    def call(self, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection(*self.address, timeout=10)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, f"/api/v1/{path}", body=body, headers=self.headers | named)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def converse(self, *paths: str) -> bytes:
        """Asks for all paths on one connection, and returns every byte that comes until there is silence."""
        headers = f"Host: sandbox\r\nAuthorization: {self.headers['Authorization']}\r\n"
        received = bytearray()
        with socket.create_connection(self.address, timeout=0.6) as connection:
            connection.sendall("".join(f"GET /api/v1/{path} HTTP/1.1\r\n{headers}\r\n" for path in paths).encode())
            with contextlib.suppress(TimeoutError):
                while piece := connection.recv(65536):
                    received += piece
        return bytes(received)

    def post(self, path: str, document: object) -> Answer:
        return self.call(path, method="POST", body=json.dumps(document).encode(), Content_Type="application/json")

    def login(self, **body: object) -> Answer:
        return self.post("iam/auth/api/login", body or {"api_key": DEMO_API_KEY})
