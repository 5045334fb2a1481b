"""Real servers of files on this machine, each a process of its own: SFTP by asyncssh, WebDAV by wsgidav.

python -m tests.servers sftp|webdav FOLDER
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

USER, PASSWORD = "someone", "canary-password"


@dataclass(frozen=True)
class FileServer:
    """A server, and the folder on this machine that it serves."""

    url: str
    folder: Path
    options: dict[str, Any]

    def target(self, name: str, **options: Any) -> Any:
        """A target block for a folder there."""
        from prefect.blocks.fields import SecretDict  # noqa: PLC0415 - who serves does without

        from blocks.target import Target  # noqa: PLC0415

        return Target(url=f"{self.url}/{name}", options=SecretDict({**self.options, **options}))


@contextmanager
def serving(kind: str, folder: Path) -> Iterator[FileServer]:
    """A server while the block lasts."""
    command = [sys.executable, "-m", "tests.servers", kind, str(folder)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        port, _, key = process.stdout.readline().strip().partition(" ")
        options = {"username": USER, "password": PASSWORD}
        if kind == "sftp":
            known = folder.with_name(f"{folder.name}-known-hosts")
            known.write_text(f"[127.0.0.1]:{port} {key}\n")
            options["known_hosts"] = str(known)
        yield FileServer(f"{kind}://127.0.0.1:{port}", folder, options)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def _serve_sftp(folder: str) -> None:
    import asyncssh  # noqa: PLC0415

    class Server(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (USER, PASSWORD)

    def root(channel: Any) -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=folder.encode())

    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen("127.0.0.1", 0, server_factory=Server, server_host_keys=[key], sftp_factory=root)
    print(server.sockets[0].getsockname()[1], key.export_public_key().decode().strip(), flush=True)
    await asyncio.Event().wait()


def _serve_webdav(folder: str) -> None:
    from cheroot.wsgi import Server  # noqa: PLC0415
    from wsgidav.wsgidav_app import WsgiDAVApp  # noqa: PLC0415

    application = WsgiDAVApp(
        {
            "provider_mapping": {"/": folder},
            "simple_dc": {"user_mapping": {"*": {USER: {"password": PASSWORD}}}},
            "http_authenticator": {"accept_digest": False, "default_to_digest": False},
            "verbose": 0,
        }
    )
    server = Server(("127.0.0.1", 0), application)
    server.prepare()
    print(server.bind_addr[1], flush=True)
    server.serve()


if __name__ == "__main__":
    if sys.argv[1] == "sftp":
        asyncio.run(_serve_sftp(sys.argv[2]))
    else:
        _serve_webdav(sys.argv[2])
