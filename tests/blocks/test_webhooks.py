"""Signatures of webhooks, and the block that sends signed messages."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from blocks.webhook import Webhook
from blocks.webhook_signature import (
    SIGNATURE,
    TIMESTAMP,
    TOLERANCE_SECONDS,
    SignatureError,
    check_signature,
    read_secret,
    sign,
)
from exporters.errors import FatalError, OuthaulError, RequestError
from tests.fakes.receiver import Trouble, receiving

SECRET = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
OTHER = read_secret(base64.b64encode(b"another secret of ours, longer").decode())
BODY = b'{"test": 2432232314}'
AT = 1_614_265_330
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(AT),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
"""The example of the standard's own libraries."""


def test_signatures_are_those_of_the_standard() -> None:
    assert sign(SECRET, HEADERS["webhook-id"], AT, BODY) == HEADERS
    assert check_signature([SECRET], HEADERS, BODY, AT) == HEADERS["webhook-id"]


def test_secrets_are_changed_without_a_gap() -> None:
    """A receiver takes messages of several secrets; a sender may sign with several; one that both have is enough."""
    both = {**HEADERS, SIGNATURE: f"v1,AAAA v1a,BBBB {HEADERS[SIGNATURE]}"}
    assert check_signature([OTHER, SECRET], both, BODY, AT)
    with pytest.raises(SignatureError):
        check_signature([OTHER], both, BODY, AT)
    with pytest.raises(SignatureError):
        check_signature([], both, BODY, AT)


@pytest.mark.parametrize(
    ("change", "body", "now"),
    [
        ({}, BODY + b" ", AT),
        ({}, BODY, AT + TOLERANCE_SECONDS + 1),
        ({}, BODY, AT - TOLERANCE_SECONDS - 1),
        ({TIMESTAMP: str(AT + 1)}, BODY, AT),
        ({TIMESTAMP: "now"}, BODY, AT),
        ({TIMESTAMP: "٣"}, BODY, AT),
        ({TIMESTAMP: ""}, BODY, AT),
        ({"webhook-id": "msg_another"}, BODY, AT),
        ({"webhook-id": ""}, BODY, AT),
        ({"webhook-id": "x" * 257}, BODY, AT),
        ({SIGNATURE: ""}, BODY, AT),
        ({SIGNATURE: HEADERS[SIGNATURE][3:]}, BODY, AT),
        ({SIGNATURE: f"v2,{HEADERS[SIGNATURE][3:]}"}, BODY, AT),
        ({SIGNATURE: "v1,AAAA " * 10 + HEADERS[SIGNATURE]}, BODY, AT),
        ({SIGNATURE: "v1,ü"}, BODY, AT),
    ],
)
def test_whatever_is_changed_is_noticed(change: dict[str, str], body: bytes, now: float) -> None:
    """Body, time, id or signature: what is not just as it was signed, and not from now, is refused."""
    with pytest.raises(SignatureError) as caught:
        check_signature([SECRET], {**HEADERS, **change}, body, now)
    assert HEADERS[SIGNATURE][3:] not in str(caught.value)


@pytest.mark.parametrize("text", ["", "short", base64.b64encode(b"x" * 23).decode(), "whsec_ü", "not base64 " * 4])
def test_a_secret_that_can_be_guessed_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="openssl rand"):
        read_secret(text)


def hook(url: str, secret: str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", query: str = "") -> Webhook:
    return Webhook(url=url, query=SecretStr(query), secret=SecretStr(secret), timeout_seconds=1)


def test_a_message_that_is_sent_can_be_checked() -> None:
    """It arrives once, signed; a passing trouble is tried again under the same id, signed anew."""
    with receiving() as receiver:
        receiver.troubles += [Trouble(status=503), Trouble(kind="reset")]
        hook(f"{receiver.url}/news?v=1", query="token=t").send("outhaul-1", b'{"type":"x"}')
        (taken,) = receiver.taken
        assert taken.path == "/news?v=1&token=t"
        assert len(receiver.asked) == 3
        headers = {name.lower(): value for name, value in taken.headers.items()}
        assert check_signature([SECRET], headers, b'{"type":"x"}', time.time()) == "outhaul-1"
        assert {asked["webhook-id"] for _, asked in receiver.asked} == {"outhaul-1"}
        assert json.loads(json.dumps(taken.records)) == [{"type": "x"}]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda url: hook(url, "secret"), "openssl rand"),
        (lambda _: hook("ftp://example.org/x"), "no address to post to"),
        (lambda _: hook("https://user:c4n4ry@example.org/"), "secret"),
        (lambda _: hook("https://example.org/?key=c4n4ry"), "field Query"),
        (lambda _: hook("http://169.254.169.254/latest"), "a cloud.s metadata"),
        (lambda _: hook("http://127.0.0.1:9/"), "cannot be reached"),
    ],
)
def test_a_block_that_cannot_be_right_says_so(make: Callable[[str], Webhook], said: str) -> None:
    with pytest.raises(OuthaulError, match=said) as caught:
        make("").check()
    assert "c4n4ry" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_refusal_is_final_and_a_redirect_is_not_followed() -> None:
    """The far end's no is not asked for again, and nothing goes to where it points."""
    with receiving() as receiver:
        for status, said in ((401, "compare the secrets"), (404, "check the address"), (307, "check the address")):
            receiver.troubles[:] = [Trouble(status=status, headers={"Location": f"{receiver.url}/else"})]
            before = len(receiver.asked)
            with pytest.raises(FatalError, match=said):
                hook(receiver.url).send("outhaul-1", b"{}")
            assert len(receiver.asked) == before + 1
        assert hook(receiver.url).check().endswith("takes signed messages.")
