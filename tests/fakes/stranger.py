"""A server behind HTTPS that answers everything, with a certificate of the test's choice; it tells what was asked."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from cryptography import x509

from tests.exporters.upd.certificates import BEGIN, END, holder


@dataclass
class Stranger:
    url: str
    pem: str
    """Path of its certificate, which is its own authority."""
    asked: list[str] = field(default_factory=list)
    """The first lines of all requests that got through to it."""


@contextmanager
def stranger(folder: Path, begin: datetime = BEGIN, end: datetime = END) -> Iterator[Stranger]:
    """The server, under the name localhost, while the block lasts; it writes its certificate into the folder."""
    name = (x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
    made = holder("localhost", begin=begin, end=end, extensions=(name,))
    pem, private = folder / "stranger.pem", folder / "stranger.key"
    pem.write_bytes(made.pem)
    private.write_bytes(made.key_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            line = self.rfile.readline()
            if line:
                asked.append(line.decode(errors="replace").strip())
                self.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.close_connection = True

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield Stranger(f"https://localhost:{server.server_port}", str(pem), asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
