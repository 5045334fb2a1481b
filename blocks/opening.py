"""How the URL of a place becomes a file system of fsspec, with what is wanted of it where nothing else is said."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from functools import partial
from typing import Any

import fsspec

from blocks.places import opened_at, opened_with, place_of
from blocks.storage_errors import translated
from exporters.errors import RequestError


def opened(url: str, options: Mapping[str, Any], shown: str) -> tuple[Any, str]:
    """The file system, and the path in it that the URL, which is `shown` so in sentences, stands for.

    Raises:
        RequestError: the URL names no place, its options are none, or a package for it is not installed.
        OuthaulError: what the place itself says, see `translated`.
    """
    outer, chained, inner = url.rpartition("::")  # of an archive, the options are those of the place it lies in
    scheme = fsspec.utils.get_protocol(inner)
    given = opened_with(scheme, dict(options), shown)
    if scheme in ("http", "https"):
        from blocks.guard import guarded_client  # noqa: PLC0415 - aiohttp takes its time

        given.setdefault("get_client", partial(guarded_client, inner))
    with translated(shown):
        try:
            if not chained:
                url, given = opened_at(url, scheme, given)
            elif outer:
                given = {scheme: given}
            fs, root = fsspec.core.url_to_fs(url, **given)
        except ImportError:
            extra = place_of(scheme).extra
            advice = f"install outhaul[{extra}]" if extra else f"install the fsspec backend for {scheme}"
            raise RequestError(f"{shown} needs a package that is not installed; {advice}.") from None
        except zipfile.BadZipFile:
            raise RequestError(f"{shown} is no zip, or a damaged one; check the address.") from None
        except (ValueError, TypeError) as error:
            raise RequestError(f"{shown} cannot be opened ({error}); check the address.") from None
    return fs, root.rstrip("/") or ("" if chained else "/")  # paths in archives begin without a slash
