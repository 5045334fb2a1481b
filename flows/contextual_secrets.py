"""What a contextual exporter needs beside its options and may stand in no run parameter: the key that it signs with.

A saved block is read here, in the run, and goes to the exporter's process over its standard input. A path is read by
that process itself; here it is only made absolute, because the process works in a folder of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blocks.saved import load_saved
from blocks.signing import SigningKey
from exporters import RequestError
from exporters.options import ExporterOptions
from exporters.upd.options import SigningOptions, signer_of


def secrets_of(options: ExporterOptions) -> dict[str, str]:
    """What is handed over beside the options, by name.

    Raises:
        RequestError: a saved block is named that there is not.
    """
    if isinstance(options, SigningOptions) and options.block_name:
        return _saved(options.block_name).secrets()
    return {}


def with_paths(options: ExporterOptions, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options as they were given, the paths in them made absolute."""
    if not isinstance(options, SigningOptions) or options.block_name:
        return dict(given)
    paths = {"signing_key": options.signing_key.get_secret_value(), "certificate": options.certificate}
    return {**given, **{name: str(Path(path).expanduser().absolute()) for name, path in paths.items() if path}}


def public_digest(options: ExporterOptions) -> str:
    """Of what can be seen of these secrets in the product: the certificate. Empty where nothing is signed.

    A path that cannot be read gives nothing: the exporter's process says so.
    """
    if not isinstance(options, SigningOptions) or not options.signing_key.get_secret_value():
        return ""
    try:
        certificate = (
            _saved(options.block_name).secrets()["certificate"].encode()
            if options.block_name
            else Path(options.certificate).expanduser().read_bytes()
        )
    except (OSError, RequestError):
        return ""
    return hashlib.sha256(certificate).hexdigest()


def check_signing(options: ExporterOptions) -> None:
    """Raise RequestError when what signs the export cannot be used, before anything is fetched."""
    if isinstance(options, SigningOptions):
        signer_of(options, secrets_of(options))


def _saved(name: str) -> SigningKey:
    key: SigningKey = load_saved(SigningKey, name)
    return key
