"""A way to a server that can be shut: connections break, and new ones are refused, until it is open again."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Gate:
    """Passes bytes both ways between whoever comes to `port` and the server."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._is_shut = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def shut(self) -> None:
        self._is_shut.set()
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def open(self) -> None:
        self._is_shut.clear()

    def close(self) -> None:
        self.shut()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for one in (self._listener, *self._open):
            one.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._is_shut.is_set():
                    client.close()
                    continue
                server = socket.create_connection(self._server)
                self._open += [client, server]
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=_forward, args=pair, daemon=True).start()


def _forward(come: socket.socket, go: socket.socket) -> None:
    with suppress(OSError):
        while data := come.recv(1 << 16):
            go.sendall(data)
    for one in (come, go):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextmanager
def gate_to(url: str) -> Iterator[Gate]:
    """To the server at an address."""
    host, _, port = url.partition("://")[2].partition("/")[0].partition(":")
    gate = Gate((host, int(port)))
    try:
        yield gate
    finally:
        gate.close()
