"""The signatures of a file, also of one that somebody else has written: each checked in full, nothing taken on trust.

The file is opened so that what is written in it reaches no other file and no network, and changes nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from exporters.errors import FatalError, OuthaulError, RequestError, quoted
from exporters.foreign_json import UNREADABLE
from exporters.temporary import temporary_folder
from exporters.upd.canonical import ALGORITHMS, data_hash, schema_hashes
from exporters.upd.database import ALIAS
from exporters.upd.schema import SIGNATURES, duckdb
from exporters.upd.signing import CURVE, ContentSignature, is_signature_of, load_certificates, read_time
from exporters.upd.trust import why_untrusted

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

MEMORY_MEGABYTES = 1024


class _Metadata(msgspec.Struct):
    signatures: list[ContentSignature] = msgspec.field(default_factory=list, name=SIGNATURES)


_decode_metadata = msgspec.json.Decoder(_Metadata).decode


@dataclass(frozen=True)
class Signed:
    """A dataset and who signed it; `problems` are ends of sentences, none when all of its signatures are good."""

    dataset: str
    signers: tuple[str, ...]
    problems: tuple[str, ...]


def check_signatures(
    path: Path, trusted: Sequence[Certificate] | None = None, *, is_required: bool = False
) -> list[Signed]:
    """Check the signatures of all datasets of a file.

    Args:
        path: the file.
        trusted: roots; None does not ask whether signers lead to one.
        is_required: whether a dataset without a signature is a problem, as it is where roots are given.

    Raises:
        FatalError: this is no such file, or it cannot be read.
        RequestError: DuckDB is not installed.
    """
    with opened(path) as connection:
        rows = connection.execute("SELECT id, name, metadata FROM datasets ORDER BY id").fetchall()
        return [
            _checked(_Dataset(connection, id_, trusted), name or id_, metadata, is_required or trusted is not None)
            for id_, name, metadata in rows
        ]


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A connection that uses the file's database, to read from it.

    Raises:
        FatalError: what is done with it fails: this is no such file, or a damaged one.
    """
    library = duckdb()
    with temporary_folder() as folder:
        settings: dict[str, str | int | bool] = {
            "threads": 1,  # several would hold more of what is sorted than they may
            "memory_limit": f"{MEMORY_MEGABYTES}MiB",
            "temp_directory": folder,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        with library.connect(config=settings) as connection:
            try:
                connection.execute(f"ATTACH '{str(path).replace(chr(39), chr(39) * 2)}' AS {ALIAS} (READ_ONLY)")
                connection.execute(f"USE {ALIAS}")
                connection.execute("SET enable_external_access = false")
                connection.execute("SET lock_configuration = true")
                yield connection
            except library.Error as error:
                said = str(error).partition("\n")[0]
                raise FatalError(f"{path.name} cannot be read as a UPD file ({said}); get it again.") from None


class _Dataset:
    """What signatures of one dataset are checked against."""

    def __init__(self, connection: Any, id_: str, trusted: Sequence[Certificate] | None) -> None:
        self.trusted = trusted
        self._connection = connection
        self._id = id_
        self._hashes: dict[tuple[str, tuple[str, ...]], tuple[bytes, set[str]]] = {}

    def hashes(self, algorithm: str, tables: Sequence[str]) -> tuple[bytes, set[str]]:
        """The digest of its rows as they are now, and of its tables in all words that DuckDB may have for them."""
        key = (algorithm, tuple(tables))
        if key not in self._hashes:
            rows = data_hash(self._connection, self._id, algorithm, tables)
            described = schema_hashes(self._connection, algorithm, tables)
            self._hashes[key] = rows, {one.hex() for one in described}
        return self._hashes[key]


def _checked(dataset: _Dataset, name: str, metadata: str, is_required: bool) -> Signed:
    shown = f"dataset {quoted(name)}"
    try:
        found = _decode_metadata(metadata or "{}").signatures
    except UNREADABLE:
        return Signed(name, (), (f"the signatures of {shown} cannot be read",))
    if not found:
        return Signed(name, (), (f"{shown} is not signed",) if is_required else ())
    signers, problems = [], []
    for signature in found:
        try:
            chain = load_certificates(_bytes_of(signature.certificate), "certificate")
        except (OuthaulError, binascii.Error):
            problems.append(f"the signature of {shown} has no certificate that can be read")
            continue
        signers.append(chain[0].subject.rfc4514_string())
        problems += [f"{shown}: {fault}" for fault in _faults(signature, chain, dataset)]
    return Signed(name, tuple(signers), tuple(problems))


def _faults(signature: ContentSignature, chain: Sequence[Certificate], dataset: _Dataset) -> Iterator[str]:
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - heavy, and seldom needed

    key = chain[0].public_key()
    algorithm = signature.data_hash_algorithm
    if algorithm not in ALGORITHMS:
        yield f"its signature uses a digest that is not known, {quoted(algorithm)}"
        return
    if signature.curve != CURVE or not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != CURVE:
        yield "its signature is not of the curve P-256"
        return
    try:
        rows, tables = dataset.hashes(algorithm, signature.signed_flavor_tables)
        given = _bytes_of(signature.signature)
    except binascii.Error:
        yield "its signature cannot be read"
        return
    except FatalError as error:
        yield f"its signature covers what is not there: {error}"
        return
    if rows.hex() != signature.data_hash.lower():
        yield "its entries or annotations are not those that were signed"
    elif not is_signature_of(rows, given, algorithm, chain[0]):
        yield "its signature was not made with the key of its certificate"
    if signature.schema_hash.lower() not in tables:
        yield "its tables are not made as those that were signed, or DuckDB describes them in other words by now"
    if fault := _fault_of_time(signature, chain, dataset.trusted):
        yield fault


def _fault_of_time(
    signature: ContentSignature, chain: Sequence[Certificate], trusted: Sequence[Certificate] | None
) -> str:
    """What is wrong with the signer when it signed; empty when nothing is."""
    moment = read_time(signature.signed_at)
    if moment is None:
        return f"its signature says no time, but {quoted(signature.signed_at)}"
    if not chain[0].not_valid_before_utc <= moment <= chain[0].not_valid_after_utc:
        return f"its certificate was not valid when it was signed, {signature.signed_at}"
    return "" if trusted is None else why_untrusted(chain, trusted, moment)


def load_roots(path: Path) -> list[Certificate]:
    """Trusted certificates from a PEM file.

    Raises:
        RequestError: it cannot be read.
    """
    try:
        return load_certificates(path.read_bytes(), f"file of trusted certificates {path}")
    except OSError as error:
        raise RequestError(
            f"The file of trusted certificates {path} cannot be read ({error.strerror}); check its path."
        ) from None


def _bytes_of(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
