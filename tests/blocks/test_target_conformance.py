"""Every target keeps the promises of `tests.conformance.targets`, and says what is wrong where it cannot."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import resource
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import fsspec
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from prefect.blocks.fields import SecretDict
from pydantic import SecretStr
from yarl import URL

from blocks import storage_errors
from blocks.places import PLACES
from blocks.probing import check_writable
from blocks.scratch import scratch_database
from blocks.storage import Storage
from blocks.target import Target
from blocks.urls import refuse_credentials, with_query, without_credentials
from blocks.workspace import Workspace
from blocks.workspace_url import default_workspace_url
from exporters.errors import FatalError, OuthaulError, RequestError, RetriableError
from tests.conformance.targets import MIB, NAMES, TargetCase, TargetConformance
from tests.servers import PASSWORD, FileServer


class TestMemory(TargetConformance):
    @pytest.fixture
    def case(self) -> Iterator[TargetCase]:
        memory, top = fsspec.filesystem("memory"), f"/{os.urandom(6).hex()}"

        def look() -> dict[str, bytes]:
            return {name.removeprefix(f"{top}/"): memory.cat_file(name) for name in memory.find(top)}

        yield TargetCase(Target(url=f"memory:/{top}"), look, lambda name, data: memory.pipe_file(f"{top}/{name}", data))
        with contextlib.suppress(FileNotFoundError):
            memory.rm(top, recursive=True)


class TestLocalFolder(TargetConformance):
    @pytest.fixture
    def case(self, tmp_path: Path) -> TargetCase:
        folder = tmp_path / "exports" / "nightly"
        (tmp_path / "file").write_bytes(b"x")

        def look() -> dict[str, bytes]:
            found = (path for path in folder.rglob("*") if path.is_file())
            return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}

        blocked = (Target(url=str(tmp_path / "file")), Target(url=str(tmp_path / "file" / "below")))

        def put(name: str, data: bytes) -> None:
            (folder / name).write_bytes(data)

        return TargetCase(Target(url=str(folder)), look, put, unreachable=(*blocked, Target(url="/proc/outhaul")))

    def test_folders_made_for_trying_out_go_again(self, case: TargetCase, tmp_path: Path) -> None:
        """Folders on the way to a place that does not exist yet are there only while it is tried out."""
        check_writable(case.target.storage())
        assert [path.name for path in tmp_path.iterdir()] == ["file"]

    def test_unfinished_files_are_removed(self, case: TargetCase) -> None:
        """A write that fails leaves no unfinished file beside the place of the whole one, hidden or not."""
        place = case.target.storage()
        with pytest.raises(ValueError, match="broke"):
            place.write("a/file", _one_then_error())
        assert [path for path in Path(case.target.url).rglob("*") if path.is_file()] == []

    def test_a_killed_write_shows_nothing(self, tmp_path: Path) -> None:
        """A process that is killed while writing leaves nothing under the name, and nothing that looks whole."""
        script = (
            "import os, signal, sys\nfrom blocks.storage import Storage\n"
            "def chunks():\n    yield b'x' * 1000\n    os.kill(os.getpid(), signal.SIGKILL)\n"
            "Storage(sys.argv[1]).write('file.bin', chunks())\n"
        )
        done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, cwd=_ROOT)
        assert done.returncode == -9
        assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".part")] == []
        assert all(path.name.startswith(".") for path in tmp_path.iterdir())

    def test_long_names(self, case: TargetCase) -> None:
        """A name as long as a file system takes is written, though it needs one beside it meanwhile."""
        name = "n" * 255
        case.target.storage().write(name, [b"x"])
        assert case.look() == {name: b"x"}
        with pytest.raises(RequestError, match="too long"):
            case.target.storage().write(name + "n", [b"x"])


class TestBucket(TargetConformance):
    largest = 40 * MIB + 5

    @pytest.fixture
    def case(self, s3: str, s3_server: Any) -> TargetCase:
        import s3fs  # noqa: PLC0415 - the server's address stands in the environment only now

        bucket = s3fs.S3FileSystem(use_listings_cache=False)
        prefix = s3.removeprefix("s3://")

        def look() -> dict[str, bytes]:
            found = bucket.find(prefix, detail=True)  # what is left of a folder after its last file is no file
            names = [name for name, info in found.items() if info["type"] == "file"]
            return {name.removeprefix(f"{prefix}/"): bucket.cat_file(name) for name in names}

        def uploads() -> list[Any]:
            folder = prefix.partition("/")[2]
            return [one for one in bucket.list_multipart_uploads(s3_server.bucket) if one["Key"].startswith(folder)]

        options = {"endpoint_url": s3_server.endpoint_url}
        wrong = Target(url=s3, access_key_id="testkey", secret_access_key=SecretStr("canary"), **options)
        nobody = Target(url=s3, access_key_id="nobody", secret_access_key=SecretStr("canary"), **options)
        return TargetCase(
            Target(url=s3),
            look,
            lambda name, data: bucket.pipe_file(f"{prefix}/{name}", data),
            uploads,
            unreachable=(wrong, nobody),
        )

    def test_credentials_of_the_block(self, s3: str, s3_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """The block's own address and key open the bucket, whatever the environment says."""
        for name in s3_server.environment:
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        target = Target(
            url=s3,
            endpoint_url=s3_server.endpoint_url,
            access_key_id=s3_server.access_key_id,
            secret_access_key=SecretStr(s3_server.secret_access_key),
            region="eu-central-1",
        )
        target.storage().write("file", [b"x"])
        assert target.storage().files() == {"file": 1}

    def test_wrong_credentials(self, case: TargetCase) -> None:
        """A key that is refused is refused as the request's fault, in reading too, without being shown."""
        wrong, *_ = case.unreachable
        place = wrong.storage()
        for use in (lambda: place.write("a", [b"x"]), lambda: place.read("a"), place.files, lambda: place.exists("a")):
            with pytest.raises(RequestError) as caught:
                use()
            assert "canary" not in str(caught.value)

    @pytest.mark.usefixtures("forgotten")
    def test_no_credentials(self, s3: str, s3_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without any key it is said which variables to set."""
        for name in s3_server.environment:
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        with pytest.raises(RequestError, match="set AWS_ACCESS_KEY_ID"):
            check_writable(Target(url=s3, endpoint_url=s3_server.endpoint_url).storage())

    def test_an_endpoint_that_is_down(self, case: TargetCase, monkeypatch: pytest.MonkeyPatch) -> None:
        """A store that nobody answers for is told as such, once the client library's own tries are over."""
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")  # five, the library's default, take up to 15 seconds
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{closed.getsockname()[1]}"
            place = Target(url=case.target.url, endpoint_url=url).storage()
            started = time.monotonic()
            with pytest.raises((RetriableError, RequestError)) as caught:
                check_writable(place)
            assert time.monotonic() - started < 8
            assert "cannot be reached" in str(caught.value)

    @pytest.mark.parametrize("url", ["localhost:9000", "nonsense", "http://"])
    def test_an_endpoint_that_is_none(self, s3: str, url: str) -> None:
        """An endpoint that is no URL is refused in a sentence: the scheme in front is what people forget."""
        with pytest.raises(RequestError):
            check_writable(Target(url=s3, endpoint_url=url).storage())

    def test_a_killed_write_shows_nothing(self, case: TargetCase) -> None:
        """A process that is killed while uploading leaves nothing that a reader sees; the store itself knows of it."""
        script = (
            "import os, signal, sys\nfrom blocks.storage import Storage\n"
            "def chunks():\n    for _ in range(20):\n        yield bytes(1 << 20)\n"
            "    os.kill(os.getpid(), signal.SIGKILL)\n"
            "Storage(sys.argv[1]).write('file.bin', chunks())\n"
        )
        done = subprocess.run([sys.executable, "-c", script, case.target.url], check=False, cwd=_ROOT)
        assert done.returncode == -9
        assert case.look() == {}
        assert len(case.uploads()) == 1  # so the other tests would see one that is left open


def _served(server: FileServer, *unreachable: Target) -> TargetCase:
    """A folder of its own on a server, looked at on the disk that it serves."""
    name = os.urandom(6).hex()
    folder = server.folder / name

    def look() -> dict[str, bytes]:
        found = (path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}

    def put(name: str, data: bytes) -> None:
        (folder / name).write_bytes(data)

    blocked = Target(url=f"{server.url}/{name}-file/below", options=SecretDict(server.options))
    (server.folder / f"{name}-file").write_bytes(b"x")
    return TargetCase(server.target(name), look, put, unreachable=(*unreachable, blocked))


class TestSftp(TargetConformance):
    @pytest.fixture
    def case(self, sftp_server: FileServer) -> TargetCase:
        return _served(sftp_server)

    def test_wrong_credentials(self, sftp_server: FileServer) -> None:
        """Who is not let in is told so as soon as the place is opened, without showing what was tried."""
        with pytest.raises(RequestError, match="may not be read or written") as caught:
            sftp_server.target("x", password="canary").storage()
        assert "canary" not in str(caught.value)

    def test_a_server_that_is_not_known(self, sftp_server: FileServer) -> None:
        """Nobody is handed a password before it is clear who they are."""
        with pytest.raises(RequestError, match="known_hosts"):
            sftp_server.target("x", known_hosts=b"").storage()


class TestWebdav(TargetConformance):
    names = tuple(name for name in NAMES if "#" not in name)
    """wsgidav cuts such names when it renames: it reads a quoted sign in an address as the sign itself."""

    @pytest.fixture
    def case(self, webdav_server: FileServer) -> TargetCase:
        return _served(webdav_server, webdav_server.target("x", password="wrong"))

    def test_addresses_with_a_user(self, webdav_server: FileServer) -> None:
        """The name of the user may stand in the address, where only the password is a secret."""
        url = webdav_server.url.replace("://", "://someone@")
        storage = Target(url=f"{url}/user", options=SecretDict({"password": PASSWORD})).storage()
        storage.write("file", [b"x"])
        assert storage.files() == {"file": 1}
        assert "someone" not in storage.shown

    def test_signs_that_addresses_know(self, webdav_server: FileServer) -> None:
        """A name is no part of an address, whatever signs it has."""
        storage = webdav_server.target("signs").storage()
        storage.fs.makedirs("/signs", exist_ok=True)
        storage.fs.pipe_file("/signs/a#b?c%41", b"x")
        assert (webdav_server.folder / "signs" / "a#b?c%41").read_bytes() == b"x"
        assert storage.read("a#b?c%41") == b"x"


_ROOT = Path(__file__).parents[2]


def _one_then_error() -> Iterator[bytes]:
    yield b"x"
    raise ValueError("broke")


# Disks


def test_a_disk_that_is_full(tiny_disk: Path) -> None:
    """A full disk ends the export with the advice to free some; nothing half-written stays."""
    place = Storage(str(tiny_disk))
    place.write("small", [b"x"])
    with pytest.raises(FatalError, match=r"There is no space left for .*large; free some"):
        place.write("large", [bytes(1000)] * 1000)
    assert [path.name for path in tiny_disk.iterdir()] == ["small"]


def test_a_file_larger_than_the_system_takes(tmp_path: Path) -> None:
    """A file over the size that the system allows ends the export: trying again would change nothing."""
    script = (
        "import sys\nfrom blocks.storage import Storage\nfrom exporters.errors import OuthaulError\n"
        "try:\n    Storage(sys.argv[1]).write('large', [bytes(1000)] * 1000)\n"
        "except OuthaulError as error:\n    print(type(error).__name__, error)\n"
    )

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    done = subprocess.run(
        [sys.executable, "-B", "-c", script, str(tmp_path)],
        check=True, capture_output=True, text=True, preexec_fn=limited, cwd=_ROOT,
    )  # fmt: skip
    assert done.stdout.startswith("FatalError")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "below", "below/deeper"])
def test_a_folder_without_rights(name: str) -> None:
    """A folder that may not be written to, or not even looked into, is refused with the advice to look at rights."""
    script = (
        "import os, sys\nfrom blocks.probing import check_writable\nfrom blocks.storage import Storage\n"
        "from exporters.errors import OuthaulError\n"
        "place = Storage(sys.argv[1])\nos.getuid() == 0 and os.setuid(65534)\n"
        "try:\n    check_writable(place)\n"
        "except OuthaulError as error:\n    print(type(error).__name__, error)\n"
    )
    with tempfile.TemporaryDirectory() as folder:  # unlike pytest's, others may enter it
        Path(folder).chmod(0o755)
        closed = Path(folder) / "closed"
        closed.mkdir(mode=0o500)
        done = subprocess.run(
            [sys.executable, "-B", "-c", script, str(closed / name)],
            check=False, capture_output=True, text=True, cwd=_ROOT,
        )  # fmt: skip
    assert done.stdout.startswith("RequestError Nothing can be delivered there: "), done.stderr[-500:]
    assert "check the rights" in done.stdout


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (FileNotFoundError(2, "x"), RequestError),
        (PermissionError(13, "x"), RequestError),
        (NotADirectoryError(20, "x"), RequestError),
        (IsADirectoryError(21, "x"), RequestError),
        (TimeoutError(), RetriableError),
        (ConnectionResetError(), RetriableError),
        (BrokenPipeError(), RetriableError),
        (OSError(errno.ENOSPC, "x"), FatalError),
        (OSError(errno.EDQUOT, "x"), FatalError),
        (OSError(errno.EFBIG, "x"), FatalError),
        (OSError(errno.EROFS, "x"), RequestError),
        (OSError(errno.ENAMETOOLONG, "x"), RequestError),
        (OSError(errno.EIO, "x"), RetriableError),
        (OSError(errno.EXDEV, "Invalid cross-device link"), RequestError),
        (OSError("no number"), RetriableError),
    ],
    ids=repr,
)
def test_what_the_system_says_is_translated(error: OSError, expected: type[OuthaulError]) -> None:
    """Every error of the system becomes one of ours, by what can be done about it, naming the place."""
    with pytest.raises(expected, match="s3://bucket/file") as caught, storage_errors.translated("s3://bucket/file"):
        raise error
    assert type(caught.value) is expected


def test_our_own_errors_pass() -> None:
    """An error that is ours already is not touched; one of a programming mistake is not hidden."""
    for error in (RetriableError("x", 5.0), FatalError("x"), KeyError("x")):
        with pytest.raises(type(error)) as caught, storage_errors.translated("place"):
            raise error
        assert caught.value is error


# Addresses


EXTRAS = {
    "gcs": ("gs://b/x", "gcs://b/x"),
    "azure": ("abfs://c/x", "az://c/x"),
    "sftp": ("sftp://h/x", "ssh://h/x"),
    "webdav": ("webdav://h/x", "webdavs://h/x", "davs://h/x"),
    "hf": ("hf://datasets/a/b",),
}


def test_backends_that_are_not_installed() -> None:
    """A URL of a kind whose package is missing is refused with the name of our extra that brings it."""
    script = (
        "import sys\nfrom exporters.errors import RequestError\nfrom blocks.storage import Storage\n"
        "for name in ('gcsfs', 'adlfs', 'sshfs', 'paramiko', 'webdav4', 'huggingface_hub'):\n"
        "    sys.modules[name] = None\n"
        "for url in sys.argv[1:]:\n"
        "    try:\n        Storage(url)\n    except RequestError as error:\n        print(error)\n"
    )
    urls = [(extra, url) for extra, found in EXTRAS.items() for url in found]
    command = [sys.executable, "-c", script, *(url for _, url in urls)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=_ROOT)
    assert done.stdout.splitlines() == [
        f"{url} needs a package that is not installed; install outhaul[{extra}]." for extra, url in urls
    ]


def test_every_kind_of_place_names_an_extra_that_there_is() -> None:
    """What messages advise to install can be installed."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    assert {place.extra for place in PLACES} - {""} == set(EXTRAS) <= set(project["optional-dependencies"])


@pytest.mark.parametrize("url", ["nonsense://x", "s3+nonsense://x", "https://127.0.0.1:1/x"])
def test_addresses_of_no_known_kind(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL of a kind that nobody knows is refused when it is opened or tried out."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RequestError):
        check_writable(Target(url=url).storage())


def test_options_that_the_backend_does_not_know(tmp_path: Path) -> None:
    """An option that makes no sense is refused, without showing any."""
    target = Target(url="s3://bucket/x", options=SecretDict({"config_kwargs": {"canary": "canary"}}))
    with pytest.raises(RequestError) as caught:
        check_writable(target.storage())
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://key:canary@bucket/x", "s3://bucket/x"),
        ("sftp://someone@host/x", "sftp://host/x"),
        ("memory://a/b@c", "memory://a/b@c"),
        ("zip://::sftp://someone:canary@host/x.zip", "zip://::sftp://host/x.zip"),
        ("/a/b/", "/a/b"),
        ("/", "/"),
    ],
)
def test_addresses_are_shown_without_passwords(url: str, shown: str | None) -> None:
    """What is shown of an address has no user name and no password."""
    place = Storage.__new__(Storage)  # opening some of them takes packages that may be missing
    place.url = url.rstrip("/") or "/"
    assert "canary" not in place.shown
    if shown:
        assert place.shown == shown


def test_the_root_of_a_place() -> None:
    """The top of a file system is a folder like others."""
    assert Storage("memory://").path("a/b") == "/a/b"
    assert Storage("/").path("a/b") == "/a/b"
    assert Storage("/").path("") == "/"


def test_files_of_an_archive(tmp_path: Path) -> None:
    """The files of an archive are listed by their whole names."""
    fsspec.filesystem("zip", fo=str(tmp_path / "a.zip"), mode="w").pipe_file("images/a.png", b"xxx")
    assert Storage(f"zip://::{tmp_path}/a.zip").files() == {"images/a.png": 3}


def test_the_environments_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """OUTHAUL_S3_ENDPOINT_URL comes before AWS's own variables, the block's before both."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://aws.example")
    assert Storage("s3://b/x").fs.endpoint_url == "http://aws.example"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://s3.example")
    assert Storage("s3://b/x").fs.endpoint_url == "http://s3.example"
    monkeypatch.setenv("OUTHAUL_S3_ENDPOINT_URL", "http://ours.example")
    assert Storage("s3://b/x").fs.endpoint_url == "http://ours.example"
    given = Target(url="s3://b/x", endpoint_url="http://block.example")
    assert given.storage().fs.endpoint_url == "http://block.example"


def test_the_default_workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a word about it the workspace is what OUTHAUL_WORKSPACE says, else a folder in the user's cache."""
    monkeypatch.setenv("OUTHAUL_WORKSPACE", "memory://shared")
    assert Workspace().url == default_workspace_url() == "memory://shared"
    monkeypatch.delenv("OUTHAUL_WORKSPACE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Workspace().url == f"{tmp_path}/outhaul"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Workspace().url == f"{tmp_path}/.cache/outhaul"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sftp://user:p@ss@host/x", "sftp://host/x"),
        ("sftp://user:pa/ss@host", "sftp://host"),
        ("sftp://user:p@s/s@host/x", "sftp://host/x"),
        ("sftp://user:p::q@host/x", "sftp://host/x"),
        ("s3://key:can/ary@bucket/x", "s3://bucket/x"),
        ("https://user:pa?ss@host/x", "https://host/x"),
        ("https://h/d.zip?sig=canary", "https://h/d.zip"),
        ("zip://::https://h/d.zip?sig=canary#x", "zip://::https://h/d.zip"),
        ("s3://bucket/a@b:c@d?e", "s3://bucket/a@b:c@d?e"),
        ("file:///a:b/c@d", "file:///a:b/c@d"),
        ("/a:b/c@d", "/a:b/c@d"),
        ("sftp://host:22/a@b", "sftp://host:22/a@b"),
        ("sftp://[::1]:22/a@b", "sftp://[::1]:22/a@b"),
        ("https://h:80/d@e?x=a@b", "https://h:80/d@e"),
    ],
)
def test_addresses_with_odd_passwords_are_shown_without(url: str, shown: str) -> None:
    """A password of any signs and a signed query are not shown, and paths with an @ stay as they are."""
    assert without_credentials(url) == shown


@pytest.mark.parametrize("url", ["sftp://bob:canary@host/x", "sftp://bob:can/ary@host", "zip://::ftp://:canary@host/x"])
def test_a_password_in_an_address_is_not_used(url: str) -> None:
    """A target and a workspace with a password in their URL are refused when they are opened, without repeating it."""
    for opened in (Target(url=url).storage, Workspace(url=url).open):
        with pytest.raises(RequestError, match="options of a saved block") as caught:
            opened()
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "is_refused"),
    [
        ("https://h/d.zip?X-Amz-Signature=0a", True),
        ("https://h/d.zip?a=1&sig=0a", True),
        ("zip://::https://h/d.zip?access_token=0a", True),
        ("https://h/x?api_key=0a&entry={entry}", True),
        ("https://h/d.zip?t=0123456789abcdef01234", True),
        ("https://h/d.zip?version=2&author=me", False),
        ("https://h/x?name=a+{dataset}-and-{entry}", False),
        ("https://h/d.zip#token=0a", False),
        ("s3://bucket/d?token=0a", False),
        ("/a/d?token=0a", False),
    ],
)
def test_a_secret_in_the_query_of_an_address_is_not_used(url: str, is_refused: bool) -> None:
    """What may be a secret in a query is refused, and a field that is secret is named for it."""
    if not is_refused:
        refuse_credentials(url)
        return
    with pytest.raises(RequestError, match="field Query") as caught:
        refuse_credentials(url)
    assert "0a" not in str(caught.value)
    assert "01" not in str(caught.value)


@pytest.mark.parametrize("query", ["token=can ary", "token=can\nary", "token=canary#x", "token=canäry"])
def test_a_query_that_stands_in_no_address(query: str) -> None:
    """It is refused by the address that it belongs to, and not repeated."""
    with pytest.raises(RequestError, match="The query of https://h/x holds a character") as caught:
        with_query("https://h/x", query)
    assert "ary" not in str(caught.value)


def test_files_come_in_from_another_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be renamed into its place, because it lies on another disk, is copied there and removed."""
    local, replace = tmp_path / "local", Path.replace
    local.write_bytes(b"x" * 3_000_000)

    def refuse(path: Path, target: Path) -> Path:
        if path == local:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    storage = Storage(str(tmp_path / "store"))
    storage.move_in(local, "a/b")
    assert storage.files() == {"a/b": 3_000_000}
    assert not local.exists()


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.EMLINK])
def test_files_are_created_where_there_are_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """On a disk without hard links a file is created all the same, once, and nothing else is left there."""

    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    storage = Storage(str(tmp_path))
    storage.create("a", b"first")
    storage.create("a", b"second")
    assert storage.read("a") == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_place_where_nothing_can_be_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place that takes files but lets none be removed can be delivered to."""
    storage = Storage(str(tmp_path))

    def refuse(_: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(storage.fs, "rm_file", refuse)
    check_writable(storage)


def _http_error(status: int) -> aiohttp.ClientResponseError:
    url = URL("https://h/d.zip?sig=canary")
    request = aiohttp.RequestInfo(url, "GET", CIMultiDictProxy(CIMultiDict()), url)
    return aiohttp.ClientResponseError(request, (), status=status, message="canary")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (sqlite3.OperationalError("database or disk is full"), FatalError),
        (sqlite3.OperationalError("disk I/O error"), RetriableError),
        (_http_error(503), RetriableError),
        (_http_error(429), RetriableError),
        (_http_error(401), RequestError),
        (_http_error(403), RequestError),
        (_http_error(404), RequestError),
        (_http_error(416), RequestError),
        (aiohttp.ServerDisconnectedError("canary"), RetriableError),
        (aiohttp.ClientPayloadError("canary"), RetriableError),
        (aiohttp.InvalidURL("https://h/?sig=canary"), RequestError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_what_databases_and_web_servers_say_is_translated(error: Exception, expected: type[OuthaulError]) -> None:
    """Errors of SQLite and of HTTP become ours, by what can be done about them, without the address they tell."""
    with pytest.raises(OuthaulError) as caught, storage_errors.translated("place"):
        raise error
    assert type(caught.value) is expected
    assert "place" in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(("status", "expected"), [(503, RetriableError), (403, RequestError), (404, RequestError)])
def test_absence_that_is_none(status: int, expected: type[OuthaulError]) -> None:
    """HTTP folders call every refusal absence; what the server really said decides."""
    with pytest.raises(expected), storage_errors.translated("place"):
        raise FileNotFoundError("https://h/?sig=canary") from _http_error(status)


def test_a_scratch_database_blames_nobody_else() -> None:
    """An error of the code that uses a scratch database passes as it is; one of the database names its place."""
    with pytest.raises(OSError, match="far away") as caught, scratch_database():
        raise OSError(errno.EIO, "far away")
    assert type(caught.value) is OSError
    with pytest.raises(FatalError, match=re.escape(tempfile.gettempdir())), scratch_database():
        raise sqlite3.OperationalError("database or disk is full")
