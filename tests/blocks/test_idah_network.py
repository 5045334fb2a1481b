"""IDAH on the way: proxies, what we call ourselves, pages that a platform cuts, and its own exports."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from blocks import http, idah_client
from blocks.catalog import find_source
from blocks.idah import IdahSource
from blocks.sandbox.idah import DEMO_API_KEY, DEMO_PASSWORD, IdahSandbox
from blocks.sandbox.idah_accounts import ANNOTATOR_EMAIL, BLIND_API_KEY, FOREIGN_API_KEY, RW_API_KEY
from exporters.errors import RequestError, RetriableError


@pytest.fixture
def served() -> Iterator[tuple[IdahSandbox, str]]:
    sandbox = IdahSandbox(entries=6)
    with sandbox.serve() as url:
        yield sandbox, url


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.01)
    idah_client._tokens.clear()


def source(url: str, **fields: Any) -> IdahSource:
    return IdahSource(url=url, api_key=SecretStr(DEMO_API_KEY), **fields)


class Proxy(ThreadingHTTPServer):
    """Passes on requests by their absolute address, as HTTP proxies do; keeps what was asked of it."""

    def __init__(self, *, refuses: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.asked: list[str] = []
        self.refuses = refuses

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Passing(BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.requestline}\r\n{self.headers}")
        if self.server.refuses:
            self._answer(407, b"", "text/plain")
            return
        far = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kept = {name: self.headers[name] for name in ("Authorization", "Content-Type") if name in self.headers}
        with closing(HTTPConnection(far.netloc)) as connection:
            connection.request(self.command, f"{far.path}?{far.query}", body, kept)
            answer = connection.getresponse()
            self._answer(answer.status, answer.read(), answer.headers.get_content_type())

    do_POST = do_GET  # noqa: N815 - the base class looks for this name

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is said of what passes."""


@contextmanager
def proxying(*, refuses: bool = False) -> Iterator[Proxy]:
    with Proxy(refuses=refuses) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()


def test_a_proxy_is_gone_through(served: tuple[IdahSandbox, str]) -> None:
    """A proxy that is given is asked for everything, the login too."""
    with proxying() as proxy:
        assert len(source(served[1], proxy=SecretStr(proxy.url)).catalog()) == 1
    assert proxy.asked[0].startswith(f"POST {served[1]}/api/v1/iam/auth/api/login")


def test_the_environments_proxy(served: tuple[IdahSandbox, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none is given, the proxy of the environment is, and NO_PROXY keeps to its word."""
    with proxying() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        source(served[1]).catalog()
        assert proxy.asked == []
        monkeypatch.setenv("no_proxy", "")
        source(served[1]).catalog()
        assert proxy.asked != []


def test_a_proxy_that_refuses(served: tuple[IdahSandbox, str]) -> None:
    """A proxy that lets nothing through, or is not there, is named as what it is; its password is not shown."""
    with proxying(refuses=True) as proxy:
        refusing = proxy.url.replace("http://", "http://user:canary-5f3759df@")
        with pytest.raises((RetriableError, RequestError)) as caught:
            source(served[1], proxy=SecretStr(refusing)).catalog()
    assert "canary" not in f"{caught.value!r}{caught.value.__cause__!r}{caught.value.__context__!r}"
    with pytest.raises(RetriableError, match="proxy"):
        source(served[1], proxy=SecretStr("http://127.0.0.1:9")).catalog()


@pytest.mark.parametrize(("given", "expected"), [("", "outhaul/"), ("haul/1 (team@example.org)", "haul/1 (team")])
def test_what_we_call_ourselves(given: str, expected: str) -> None:
    """The platform's people see who reads, with the version or under the name that was given."""
    with proxying() as proxy, IdahSandbox(entries=1).serve() as url:
        source(url, proxy=SecretStr(proxy.url), user_agent=given).catalog()
    assert f"User-Agent: {expected}" in proxy.asked[0]


def test_fields_from_the_environment() -> None:
    """Every setting of a platform named by its address can come from the environment."""
    environment = {
        "OUTHAUL_API_KEY": "k",
        "OUTHAUL_PROXY": "http://proxy:3128",
        "OUTHAUL_CONNECTIONS": "16",
        "OUTHAUL_TIMEOUT_SECONDS": "5",
        "OUTHAUL_ALLOW_PARTIAL": "yes",
    }
    found = find_source("idah+https://idah.example.org", environment)
    assert isinstance(found, IdahSource)
    assert (found.connections, found.timeout_seconds, found.allow_partial) == (16, 5.0, True)
    assert found.proxy.get_secret_value() == "http://proxy:3128"


def test_wrong_fields_from_the_environment() -> None:
    """A value that a setting cannot take is refused by name; a secret one is not shown."""
    with pytest.raises(RequestError, match="connections='many'"):
        find_source("idah+https://idah.example.org", {"OUTHAUL_CONNECTIONS": "many"})


def test_pages_that_the_platform_cuts(served: tuple[IdahSandbox, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform that gives smaller pages than it was asked for is read to the end all the same."""
    sandbox, url = served
    expected = source(url).catalog()[0]
    whole = list(source(url).read(expected, list(source(url).list_entries(expected, {})), "none"))
    real = idah_client.IdahClient._document

    async def cut(self: Any, path: str, query: Any, into: Any) -> Any:
        answer = await real(self, path, query, into)
        if hasattr(answer, "meta") and isinstance(answer.data, list):
            answer.data = answer.data[:4]
        return answer

    monkeypatch.setattr(idah_client.IdahClient, "_document", cut)
    listing = list(source(url).list_entries(expected, {}))
    assert len(listing) == 6
    assert list(source(url).read(expected, listing, "none")) == whole
    assert sandbox.requests["dataset/entries"] > 2


def test_what_the_platform_exports_by_itself(served: tuple[IdahSandbox, str]) -> None:
    """The platform's own formats and exports are listed with what became of them; nothing is started."""
    formats, exports = source(served[1]).model_copy(update={"api_key": SecretStr(RW_API_KEY)}).exports()
    assert formats
    assert all(one.name and one.description for one in formats)
    assert exports
    assert {one.status for one in exports} <= {"pending", "running", "completed", "errored"}
    assert all(one.datasets and one.format for one in exports)
    assert [int(one.id) for one in exports] == sorted((int(one.id) for one in exports), reverse=True)
    assert all(one.file_name and one.bytes for one in exports if one.status == "completed")


def test_a_key_that_may_not_see_exports(served: tuple[IdahSandbox, str]) -> None:
    """A read-only key cannot see the platform's own exports, and is told which kind of key can."""
    with pytest.raises(RequestError, match="project_rw"):
        source(served[1]).exports()


@pytest.mark.parametrize("key", [BLIND_API_KEY, FOREIGN_API_KEY])
def test_keys_that_see_nothing(served: tuple[IdahSandbox, str], key: str) -> None:
    """A key of another organisation, or of the wrong kind, sees nothing without being told so: we tell."""
    with pytest.raises(RequestError, match="no datasets that this account may read"):
        source(served[1]).model_copy(update={"api_key": SecretStr(key)}).choose([])


def test_an_annotators_account(served: tuple[IdahSandbox, str]) -> None:
    """An account that sees only the entries assigned to it is found out by the dataset's own count."""
    sandbox, url = served
    entry = sandbox.store.entries_of(sandbox.store.datasets[0].id)[0]
    entry.assigned_to_id, entry.assigned_to_email = 12, ANNOTATOR_EMAIL
    one = IdahSource(url=url, email=ANNOTATOR_EMAIL, password=SecretStr(DEMO_PASSWORD))
    (dataset,) = one.catalog()
    for where in ({}, {"status__in": ["completed", "in_progress"]}):
        with pytest.raises(RequestError, match="to this account"):
            list(one.list_entries(dataset, where))
