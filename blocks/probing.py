"""Whether a place can be written to, found out by doing it, before anything is fetched for it."""

from __future__ import annotations

import contextlib
from pathlib import Path

from blocks.storage import Storage
from blocks.storage_errors import said, translated
from exporters.errors import OuthaulError, RequestError
from exporters.temporary import owned_name


def check_writable(storage: Storage, otherwise: str = "Nothing can be delivered there") -> None:
    """Write and remove a small file, and every folder that had to be made for it; `otherwise` begins the refusal.

    Raises:
        RequestError: this place cannot be written to.
    """
    made: list[Path] = []
    probe = f".{owned_name()}.probe"
    try:
        with translated(storage.shown):
            made = _missing_folders(storage.root) if storage.is_local else []
        storage.write(probe, [b"outhaul checks that it may write here\n"], shown="")
        with contextlib.suppress(OuthaulError, NotImplementedError):  # who may write need not be allowed to remove
            storage.remove(probe)
    except OuthaulError as error:
        raise RequestError(f"{otherwise}: {error}") from None
    except NotImplementedError:
        raise RequestError(f"{otherwise}: {storage.shown} can only be read; choose another place.") from None
    except (TypeError, ValueError) as error:  # what backends say of options that they do not know
        raise RequestError(f"{otherwise}: {storage.shown} refuses its options ({said(error)}); correct them.") from None
    finally:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _missing_folders(path: str) -> list[Path]:
    """The folders on the way to this one, and itself, that do not exist, innermost first."""
    here = Path(path)
    return [folder for folder in (here, *here.parents) if not folder.exists()]
