"""Keys, certificates and times to sign with."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from exporters.errors import RequestError
from exporters.upd.signing import is_signature_of, load_signer, newest, read_time, show_time, signing_time
from tests.exporters.upd.certificates import BEGIN, END, Holder, holder, later

DIGEST = hashlib.sha256(b"rows").digest()


@pytest.fixture(scope="module")
def me() -> Holder:
    return holder("me")


def test_a_signature_is_over_the_digest_itself(me: Holder) -> None:
    """What the library verifies as ECDSA over the rows' bytes, which the digest is of."""
    signature = load_signer(me.key_pem(), me.pem).sign(DIGEST, "SHA256")
    me.key.public_key().verify(signature, b"rows", ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize(("algorithm", "digest"), [("SHA256", hashes.SHA256()), ("SHA512", hashes.SHA512())])
def test_the_same_digest_has_the_same_signature(me: Holder, algorithm: str, digest: hashes.HashAlgorithm) -> None:
    """No chance takes part in it (RFC 6979), and it is good."""
    rows = hashlib.new(algorithm, b"rows").digest()
    one, other = (load_signer(me.key_pem(), me.pem).sign(rows, algorithm) for _ in range(2))
    assert one == other
    me.key.public_key().verify(one, rows, ec.ECDSA(utils.Prehashed(digest)))
    assert is_signature_of(rows, one, algorithm, me.certificate)
    assert not is_signature_of(bytes(len(rows)), one, algorithm, me.certificate)


def test_a_locked_key_is_opened(me: Holder) -> None:
    """With its passphrase."""
    signer = load_signer(me.key_pem(b"open sesame"), me.pem, b"open sesame")
    assert is_signature_of(DIGEST, signer.sign(DIGEST, "SHA256"), "SHA256", me.certificate)


def test_what_cannot_sign_is_refused_in_a_sentence(me: Holder) -> None:
    """Which says what is wrong, and nothing of the key."""
    other = holder("other")
    large = holder("large", curve=ec.SECP384R1())
    locked = me.key_pem(b"open sesame")
    wrong = {
        "is locked; give its passphrase": (locked, me.pem, None),
        "cannot be read": (locked, me.pem, b"wrong"),
        "is not locked": (me.key_pem(), me.pem, b"x"),
        "signing key cannot be read": (b"no key", me.pem, None),
        "of the curve P-256": (large.key_pem(), large.pem, None),
        "belongs to another key": (me.key_pem(), other.pem, None),
        "certificate cannot be read": (me.key_pem(), b"none", None),
    }
    for said, given in wrong.items():
        with pytest.raises(RequestError, match=said) as refusal:
            load_signer(*given)
        assert "BEGIN" not in str(refusal.value)
        assert refusal.value.__cause__ is None


def test_a_signer_shows_no_key(me: Holder) -> None:
    """In logs and errors it is the name in its certificate."""
    assert repr(load_signer(me.key_pem(), me.pem)) == "Signer('CN=me')"


def test_the_time_of_signing_follows_from_the_data(me: Holder) -> None:
    """The newest change, or the beginning of the certificate where that is later; or what was given."""
    signer = load_signer(me.key_pem(), me.pem)
    changed = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    assert signing_time(signer, "", changed) == changed
    assert signing_time(signer, "", later(BEGIN, days=-1)) == BEGIN
    assert signing_time(signer, "", None) == BEGIN
    assert signing_time(signer, "2026-07-01T02:00:00+02:00", changed) == datetime(2026, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "changed", "said"),
    [
        ("soon", None, "signed_at='soon' is no time"),
        ("2025-12-31T23:59:59Z", None, "is valid from 2026-01-01T00:00:00Z to 2036-01-01T00:00:00Z"),
        ("", later(END, days=1), "would be signed as of 2036-01-02T00:00:00Z"),
    ],
)
def test_a_time_outside_of_the_certificate_is_refused(
    me: Holder, given: str, changed: datetime | None, said: str
) -> None:
    """Such a signature would not be good."""
    with pytest.raises(RequestError, match=said):
        signing_time(load_signer(me.key_pem(), me.pem), given, changed)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-14 10:23:18 +0000", "2026-01-14T10:23:18Z"),
        ("2026-01-14T10:23:18.999999+02:00", "2026-01-14T08:23:18Z"),
        ("2026-01-14", "2026-01-14T00:00:00Z"),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_times_are_read_in_the_forms_that_sources_use(text: str, moment: str | None) -> None:
    """And shown in one."""
    found = read_time(text)
    assert (found and show_time(found)) == moment


def test_the_newest_of_several_times_is_found() -> None:
    """What is no time does not count."""
    first = newest(["2026-01-14 10:23:18 +0000", None, "", "no time", "2026-01-13T00:00:00Z"])
    assert first == datetime(2026, 1, 14, 10, 23, 18, tzinfo=UTC)
    assert newest([None], first) == first
    assert newest([]) is None
