"""Signed files: good ones are found good, by others too, and whatever was changed about them is told."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from exporters.errors import FatalError, RequestError
from exporters.model import Box
from exporters.upd.verifying import check_signatures, load_roots, opened
from tests.exporters.upd.certificates import Holder, authority, holder
from tests.exporters.upd.test_canonical import independent_hash, independent_schema_hash
from tests.exporters.upd.writing import write
from tests.fakes.datasets import annotation, dataset, entry, one_of_each

BOX = Box(1.0, 2.0, 3.0, 4.0)
CHANGED = "its entries or annotations are not those that were signed"


@dataclass(frozen=True)
class Signed:
    path: Path
    root: Holder
    signer: Holder

    @property
    def roots(self) -> list[x509.Certificate]:
        return [self.root.certificate]

    def signature(self, dataset_id: str = "d1") -> dict[str, Any]:
        with duckdb.connect(str(self.path), read_only=True) as connection:
            ((text,),) = connection.execute("SELECT metadata FROM datasets WHERE id = ?", [dataset_id]).fetchall()
        (signature,) = json.loads(text)["Content-Signature"]
        return signature  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    """Two datasets, signed by somebody whom a root vouches for, with what leads there beside the certificate."""
    folder = tmp_path_factory.mktemp("upd")
    root = authority("root")
    middle = authority("middle", root)
    signer = holder("me", middle)
    options = signer.write(folder)
    Path(options["certificate"]).write_bytes(signer.pem + middle.pem)
    entries = {
        "d1": [entry("z", *one_of_each().values(), updated_at="2026-05-04T03:02:01Z"), entry("a", BOX)],
        "d2": [entry("o", annotation("o1", BOX, created_at="2026-07-01 00:00:00 +0000"), dataset_id="d2")],
    }
    write(folder / "file.upd", entries, [dataset("d1", name='Crossing, "north"'), dataset("d2")], **options)
    return Signed(folder / "file.upd", root, signer)


@pytest.fixture
def edited(signed: Signed, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the file after some SQL."""

    def edit(*statements: str, values: list[Any] | None = None) -> Path:
        copy = tmp_path / "copy.upd"
        copy.write_bytes(signed.path.read_bytes())
        with duckdb.connect(str(copy)) as connection:
            for statement in statements:
                connection.execute(statement, values or [])
        return copy

    return edit


@pytest.fixture
def resigned(signed: Signed, edited: Callable[..., Path]) -> Callable[..., Path]:
    """A copy whose first dataset has this signature, or the one it had with other values."""

    def edit(signatures: Any = None, **values: Any) -> Path:
        made = [signed.signature() | values] if signatures is None else signatures
        text = json.dumps({"Content-Signature": made})
        return edited("UPDATE datasets SET metadata = ? WHERE id = 'd1'", values=[text])

    return edit


def problems(path: Path, roots: list[x509.Certificate] | None = None, **demand: Any) -> list[str]:
    return [problem for one in check_signatures(path, roots, **demand) for problem in one.problems]


# -- good ones --------------------------------------------------------------------------------------------------------


def test_a_signature_is_verified_by_others(signed: Signed) -> None:
    """Hashes, signature and certificate are what the specification says, by code that is not ours."""
    found = signed.signature()
    assert found.keys() == {
        *("signature", "dataHashAlgorithm", "dataHash", "schemaHash", "certificate", "curve", "signedAt"),
        "signedFlavorTables",
    }
    assert (found["dataHashAlgorithm"], found["curve"], found["signedFlavorTables"]) == ("SHA256", "secp256r1", [])
    assert found["dataHash"] == independent_hash(signed.path, "d1")
    assert found["schemaHash"] == independent_schema_hash(signed.path)
    certificate = x509.load_pem_x509_certificate(base64.b64decode(found["certificate"]))
    assert certificate == signed.signer.certificate
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    digest = bytes.fromhex(found["dataHash"])
    key.verify(base64.b64decode(found["signature"]), digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))


def test_a_good_file_has_no_problems(signed: Signed) -> None:
    """With its root, or without one; each dataset is signed by itself."""
    for roots in (signed.roots, None):
        found = check_signatures(signed.path, roots, is_required=True)
        assert [(one.dataset, one.signers, one.problems) for one in found] == [
            ('Crossing, "north"', ("CN=me",), ()),
            ("Dataset d2", ("CN=me",), ()),
        ]


def test_a_dataset_counts_as_signed_when_it_changed_last(signed: Signed) -> None:
    """In the form of RFC 3339; an annotation's change is one of its dataset."""
    assert [signed.signature(id_)["signedAt"] for id_ in ("d1", "d2")] == [
        "2026-05-04T03:02:01Z",
        "2026-07-01T00:00:00Z",
    ]


def test_what_is_not_signed_may_change(signed: Signed, edited: Callable[..., Path]) -> None:
    """Media and the file's own metadata are not covered; neither is the other dataset."""
    copy = edited(
        "UPDATE medias SET blob_data = NULL",
        "UPDATE metadata SET value = '\"x\"' WHERE key = 'Schema-Built-By'",
        "UPDATE datasets SET name = 'other' WHERE id = 'd2'",
    )
    assert problems(copy, signed.roots) == []


def test_several_signatures_are_all_checked(signed: Signed, resigned: Callable[..., Path]) -> None:
    """One that is good does not excuse one that is not."""
    good = signed.signature()
    assert problems(resigned([good, good]), signed.roots) == []
    assert len(problems(resigned([good, good | {"dataHash": "00"}]), signed.roots)) == 1


def test_flavor_tables_are_checked(signed: Signed, resigned: Callable[..., Path]) -> None:
    """A signature may cover further tables; ones that are not there are a problem."""
    assert "no table “extra”" in " ".join(problems(resigned(signedFlavorTables=["extra"])))


# -- changed ones -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET metadata = overlay_byte(metadata) WHERE id = 'a'",
        "UPDATE entries SET media_url = overlay_byte(media_url) WHERE id = 'a'",
        "UPDATE annotations SET shape_args = overlay_byte(shape_args) WHERE id = 'z-a1'",
        "UPDATE annotations SET category = overlay_byte(category) WHERE id = 'z-a1'",
        "UPDATE annotations SET properties = overlay_byte(properties) WHERE id = 'z-a1'",
        "UPDATE annotations SET shape_type = overlay_byte(shape_type) WHERE id = 'z-a1'",
        "DELETE FROM annotations WHERE id = 'z-a2'",
        "INSERT INTO entries VALUES ('more', 'd1', '', '{}')",
    ],
)
def test_one_byte_that_is_flipped_shows(signed: Signed, edited: Callable[..., Path], statement: str) -> None:
    """In whatever is signed; the other dataset stays good."""
    flip = "CREATE TEMP MACRO overlay_byte(text) AS chr(xor(ascii(text), 1)) || substring(text, 2)"
    found = check_signatures(edited(flip, statement), signed.roots)
    assert [one.problems for one in found] == [(f'dataset “Crossing, "north"”: {CHANGED}',), ()]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"dataHash": "00" * 32}, CHANGED),
        ({"schemaHash": "00" * 32}, "its tables are not made as those that were signed"),
        ({"signature": base64.b64encode(b"none").decode()}, "was not made with the key of its certificate"),
        ({"signature": "%"}, "its signature cannot be read"),
        ({"certificate": "%"}, "has no certificate that can be read"),
        ({"certificate": base64.b64encode(b"none").decode()}, "has no certificate that can be read"),
        ({"dataHashAlgorithm": "MD5"}, "uses a digest that is not known, “MD5”"),
        ({"dataHashAlgorithm": "SHA512", "schemaHash": "00"}, CHANGED),
        ({"curve": "secp384r1"}, "is not of the curve P-256"),
        ({"signedAt": "soon"}, "says no time, but “soon”"),
        ({"signedAt": "2020-01-01T00:00:00Z"}, "its certificate was not valid when it was signed, 2020-01-01"),
        ({"signedAt": "2040-01-01T00:00:00Z"}, "its certificate was not valid when it was signed, 2040-01-01"),
    ],
)
def test_a_signature_that_was_changed_shows(
    signed: Signed, resigned: Callable[..., Path], values: dict[str, Any], said: str
) -> None:
    """Each part of it, with or without roots."""
    for roots in (signed.roots, None):
        found = problems(resigned(**values), roots)
        assert said in found[0]
        assert len(found) == len(values)


def test_a_signature_of_somebody_else_shows(signed: Signed, resigned: Callable[..., Path]) -> None:
    """A certificate of another key does not make a signature, whoever vouches for it."""
    other = holder("other", signed.root)
    path = resigned(certificate=base64.b64encode(other.pem).decode())
    assert "was not made with the key of its certificate" in problems(path)[0]


def test_a_signer_whom_nobody_vouches_for_shows(signed: Signed) -> None:
    """Where roots are given."""
    (problem, _) = problems(signed.path, [authority("root").certificate])
    assert problem == 'dataset “Crossing, "north"”: its certificate leads to no root that is trusted'


@pytest.mark.parametrize(
    "text", ['{"Content-Signature":{}}', '{"Content-Signature":[{}]}', '{"Content-Signature":[1]}', "["]
)
def test_what_is_no_signature_shows(edited: Callable[..., Path], text: str) -> None:
    """Metadata that cannot be read is no dataset without signatures."""
    path = edited("UPDATE datasets SET metadata = ? WHERE id = 'd1'", values=[text])
    assert problems(path) == ['the signatures of dataset “Crossing, "north"” cannot be read']


def test_a_dataset_without_signature_is_fine_unless_one_is_asked_for(
    signed: Signed, edited: Callable[..., Path]
) -> None:
    """Roots ask for one, too: who takes the signature away does not get by."""
    path = edited("UPDATE datasets SET metadata = '{}' WHERE id = 'd1'")
    assert problems(path) == []
    for demand in ({"is_required": True}, {"roots": signed.roots}):
        assert problems(path, **demand) == ['dataset “Crossing, "north"” is not signed']  # type: ignore[arg-type]


# -- other files ------------------------------------------------------------------------------------------------------


def test_what_is_no_such_file_is_refused(tmp_path: Path) -> None:
    """In a sentence: no database at all, a cut one, one of other tables."""
    (tmp_path / "text.upd").write_text("no database")
    with duckdb.connect(str(tmp_path / "other.upd")) as connection:
        connection.execute("CREATE TABLE x (id VARCHAR)")
    for name in ("text.upd", "other.upd", "absent.upd"):
        with pytest.raises(FatalError, match=rf"^{name} cannot be read as a UPD file .*; get it again\.$"):
            check_signatures(tmp_path / name)


def test_a_file_reaches_no_other(edited: Callable[..., Path], tmp_path: Path) -> None:
    """A view in the place of a table reads nothing from this machine."""
    (tmp_path / "secret.csv").write_text("id\nsecret\n")
    path = edited(
        "DROP TABLE annotations",
        f"CREATE VIEW annotations AS SELECT * FROM read_csv('{tmp_path / 'secret.csv'}')",
    )
    assert "no table “annotations” with a primary key" in problems(path)[0]
    with pytest.raises(FatalError, match="cannot be read as a UPD file"), opened(path) as connection:
        connection.execute("SELECT * FROM annotations")


def test_roots_are_read_from_a_file(signed: Signed, tmp_path: Path) -> None:
    """Several in one; what is none is refused."""
    path = tmp_path / "roots.pem"
    path.write_bytes(authority("other").pem + signed.root.pem)
    assert problems(signed.path, load_roots(path)) == []
    path.write_bytes(b"none")
    with pytest.raises(RequestError, match="give a PEM file with certificates"):
        load_roots(path)
    with pytest.raises(RequestError, match=r"roots.pem2 cannot be read \(No such file"):
        load_roots(tmp_path / "roots.pem2")
