"""What some formats, and runners, need that an install without extras lacks. Of storages, `blocks.places` knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exporters.errors import RequestError


@dataclass(frozen=True)
class Extra:
    """What an extra of ours is for, and how the refusal begins when it is absent."""

    what_for: str
    refusal: str


EXTRAS: Mapping[str, Extra] = {
    "parquet": Extra("the format parquet", "The format parquet needs the package pyarrow"),
    "tfrecord": Extra("the format tfrecord", "The format tfrecord needs the package crc32c"),
    "datumaro": Extra("the formats datumaro:…", "The formats datumaro:… need Datumaro, which is not installed"),
    "upd": Extra("the format and the source upd", "The format upd needs DuckDB"),
    "dask": Extra("the runner dask", "The runner dask needs the package prefect-dask"),
    "ray": Extra("the runner ray", "The runner ray needs the package prefect-ray"),
}


def absent(name: str) -> RequestError:
    """The refusal of what an extra that is not installed would have brought."""
    return RequestError(f"{EXTRAS[name].refusal}; install it with: pip install 'outhaul[{name}]'.")
