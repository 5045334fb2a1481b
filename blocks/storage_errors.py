"""The exceptions of storage backends turned into ours, each a sentence that names the place and says what to do."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from exporters.errors import FatalError, OuthaulError, RequestError, RetriableError


@contextlib.contextmanager
def translated(place: str) -> Iterator[None]:
    """Turn the exceptions of storage backends into ours; `place` is shown in the message."""
    try:
        yield
    except OuthaulError:
        raise
    except OSError as error:
        raise _os_error(place, error) from None
    except Exception as error:
        known = _client_error(place, error)
        if known is None:
            raise
        raise known from None


def _os_error(place: str, error: OSError) -> OuthaulError:
    match error:
        case FileNotFoundError():
            return RequestError(f"{place} does not exist; check the address.")
        case FileExistsError() | NotADirectoryError() | IsADirectoryError():
            return RequestError(f"{place} cannot be used: a file lies where a folder is needed, or the reverse.")
        case PermissionError():
            return RequestError(f"{place} may not be read or written ({said(error)}); check the rights.")
        case TimeoutError() | ConnectionError():
            return RetriableError(f"{place} cannot be reached ({said(error)}); try again later.")
    if error.errno == errno.EFBIG:
        return FatalError(f"{place} is larger than its file system takes; choose another place.")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FatalError(f"There is no space left for {place}; free some and run again.")
    if error.errno in (errno.EROFS, errno.EINVAL, errno.ENAMETOOLONG, errno.ENODEV):
        return RequestError(f"{place} cannot be used ({said(error)}); check the address.")
    return RetriableError(f"{place} failed ({said(error)}); try again later.")


def _client_error(place: str, error: Exception) -> OuthaulError | None:
    """What botocore means, told by name so that S3's libraries load only where S3 is used."""
    name, module = type(error).__name__, type(error).__module__.partition(".")[0]
    if module not in ("botocore", "aiobotocore"):
        return None
    if name in ("NoCredentialsError", "PartialCredentialsError"):
        return RequestError(
            f"There are no credentials for {place}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a block."
        )
    if name in ("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError"):
        return RetriableError(f"{place} cannot be reached ({name}); check the endpoint and that it is up.")
    return RequestError(f"{place} cannot be used ({said(error)}); check the address and the settings.")


def said(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).split("\n", maxsplit=1)[0][:160]
