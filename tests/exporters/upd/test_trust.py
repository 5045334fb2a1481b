"""Which certificates lead to a root."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509

from exporters.upd.trust import why_untrusted
from tests.exporters.upd.certificates import BEGIN, Holder, authority, holder, later

MOMENT = datetime(2026, 6, 1, tzinfo=UTC)


def usage(**allowed: bool) -> tuple[x509.KeyUsage, bool]:
    names = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in names}), True


def asked(*chain: Holder, roots: list[Holder], moment: datetime = MOMENT) -> str:
    return why_untrusted([one.certificate for one in chain], [one.certificate for one in roots], moment)


def test_a_chain_that_leads_to_a_root_is_trusted() -> None:
    """Directly, over others in any order, or because the signer is trusted itself."""
    root = authority("root")
    middle = authority("middle", root)
    low = authority("low", middle)
    me = holder("me", low, extensions=(usage(digital_signature=True),))
    assert asked(me, low, middle, roots=[root]) == ""
    assert asked(me, middle, low, roots=[authority("other"), root]) == ""
    assert asked(me, low, roots=[middle]) == ""
    assert asked(me, roots=[me]) == ""


def test_a_chain_that_leads_nowhere_is_not() -> None:
    """Without what is between, with a root of the same name, with no root at all."""
    root = authority("root")
    middle = authority("middle", root)
    me = holder("me", middle)
    for roots, chain in (
        ([root], [me]),
        ([authority("root")], [me, middle]),
        ([], [me, middle]),
        ([holder("me")], [me]),
    ):
        assert asked(*chain, roots=roots) == "its certificate leads to no root that is trusted"


@pytest.mark.parametrize("who", ["me", "middle", "root"])
@pytest.mark.parametrize("is_early", [True, False])
def test_every_certificate_must_have_been_valid(who: str, is_early: bool) -> None:
    """When it signed, whatever the hour is now."""
    out = {"begin": later(MOMENT, days=1)} if is_early else {"end": later(MOMENT, days=-1)}
    root = authority("root", **(out if who == "root" else {}))
    middle = authority("middle", root, **(out if who == "middle" else {}))
    me = holder("me", middle, **(out if who == "me" else {}))
    assert asked(me, middle, roots=[root]) == f"the certificate of CN={who} was not valid when it signed"
    assert asked(me, middle, roots=[root], moment=later(BEGIN, days=500) if is_early else later(BEGIN, days=1)) == ""


def test_only_authorities_issue() -> None:
    """Somebody with an ordinary certificate vouches for nobody, also where it lies among the roots."""
    root = authority("root")
    ordinary = holder("ordinary", root)
    declared = holder("declared", root, extensions=((x509.BasicConstraints(ca=False, path_length=None), True),))
    limited = holder(
        "limited",
        root,
        extensions=((x509.BasicConstraints(ca=True, path_length=None), True), usage(digital_signature=True)),
    )
    for middle in (ordinary, declared, limited):
        assert "may not issue others" in asked(holder("me", middle), middle, roots=[root])
        assert "may not issue others" in asked(holder("me", middle), roots=[middle])


def test_the_depth_of_an_authority_is_kept_to() -> None:
    """One that may issue signers only has not issued another authority."""
    root = authority("root", depth=0)
    middle = authority("middle", root)
    assert asked(holder("me", root), roots=[root]) == ""
    assert "may not issue at this depth" in asked(holder("me", middle), middle, roots=[root])


def test_a_certificate_for_something_else_does_not_sign() -> None:
    """Where it says what it is for."""
    root = authority("root")
    me = holder("me", root, extensions=(usage(key_agreement=True),))
    assert "is not made for signatures" in asked(me, roots=[root])


def test_what_is_not_understood_is_refused() -> None:
    """A critical extension may limit what is trusted."""
    root = authority("root")
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    assert "is not known here" in asked(holder("me", root, extensions=((unknown, True),)), roots=[root])
    assert asked(holder("me", root, extensions=((unknown, False),)), roots=[root]) == ""


BROKEN = b"""
-----BEGIN CERTIFICATE-----
MIIBFDCBvAIUB6q17L8/q2UiZf2Q1g8Chf6Cm7kwCQYHKoZIzj0EATANMQswCQYD
VQQDDAJjYTAeFw0yNjExMjgyMTQ0MjVaFw0yOTA4MjQyMTQ0MjVaMA8xDTALBgNV
BAMMBGxlYWYwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQOOmBTC0yNq0qMfFcV
aAnvlDjTrV9+aHKM/D7vX6arWTxs2uIoKHvR/cTouHvEvWMAGEDWlueB2VHv+mms
fjKHMAkGByqGSM49BAEDSAAwRQIgItNpnrATFXIh9NU8QQtJ+73nPBLknsavd6+1
ntGYCHUCIQCnRPqJybjKcZc+EkwGfYuwcGfDtZT/DtLyMs5TuDAXNA==
-----END CERTIFICATE-----
-----BEGIN CERTIFICATE-----
MIIBbzCCARWgAwIBAgIUJ+vADsliwZ+ruLhZXqcpPNG51KQwCgYIKoZIzj0EAwIw
DTELMAkGA1UEAwwCY2EwHhcNMjYxMTI4MjE0NDI1WhcNMzUwMjE0MjE0NDI1WjAN
MQswCQYDVQQDDAJjYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABBQuFPOe7mBX
DWczh4MAHPz9NEy1u8/oEaGF+iTGgLS+ufqKzOejSMe0Ic/zzC5eWQ4DLEbT/enQ
DGEW+uVE3KyjUzBRMB0GA1UdDgQWBBTW+IH66iS5Hw+MXI+ygBwTbCjaFzAfBgNV
HSMEGDAWgBTW+IH66iS5Hw+MXI+ygBwTbCjaFzAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0gAMEUCIB5TKv1coPk3afeJmVRJe81sXbdKPhnDW+BHS1Njxmbi
AiEAzGATPrsQ+LPGspBdA7nvjo0HAebwMlOI4d6OG6PhIXY=
-----END CERTIFICATE-----
"""
"""A signer's certificate that its authority signed with SHA-1, and the authority's."""


def test_broken_digests_vouch_for_nobody() -> None:
    """SHA-1 can be made to fit another certificate."""
    me, root = x509.load_pem_x509_certificates(BROKEN)
    assert me.signature_algorithm_oid == x509.SignatureAlgorithmOID.ECDSA_WITH_SHA1
    moment = later(me.not_valid_before_utc, days=1)
    assert why_untrusted([me], [root], moment) == "its certificate leads to no root that is trusted"
    assert why_untrusted([me], [me], moment) == ""


def test_certificates_that_issue_each_other_end() -> None:
    """A ring of certificates leads nowhere, and is noticed."""
    one, other = authority("one"), authority("other")
    ring = [authority("one", other), authority("other", one)]
    assert asked(holder("me", one), *ring, one, other, roots=[authority("root")]).endswith("no root that is trusted")
