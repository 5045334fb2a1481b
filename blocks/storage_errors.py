"""The exceptions of storage backends turned into ours, each a sentence that names the place and says what to do."""

from __future__ import annotations

import contextlib
import errno
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator

from blocks.certificates import refused_certificate
from exporters.errors import FatalError, OuthaulError, RequestError, RetriableError


@contextlib.contextmanager
def translated(place: str, lost: str = "") -> Iterator[None]:
    """Turn the exceptions of storage backends into ours; `place` is shown in the message.

    `lost` says what to do when nothing is there, though it was: nobody has asked for something wrong then.
    """
    try:
        yield
    except OuthaulError:
        raise
    except OSError as error:
        known = _not_trusted(place, error) or _cause_of_absence(place, error)
        if lost and known is None and isinstance(error, FileNotFoundError):
            known = FatalError(f"{place} is gone; {lost}.")
        raise known or _os_error(place, error) from None
    except Exception as error:
        known = _not_trusted(place, error) or _client_error(place, error)
        if known is None:
            raise
        raise known from None


def is_absence(error: FileNotFoundError) -> bool:
    """Whether a file is not there, and not in trouble: an HTTP backend says so of whatever goes wrong."""
    return not (_not_trusted("", error) or isinstance(_cause_of_absence("", error), RetriableError))


def _not_trusted(place: str, error: BaseException) -> RequestError | None:
    reason = refused_certificate(error)
    if reason is None:
        return None
    return RequestError(
        f"The certificate of {place} cannot be verified{f' ({reason})' if reason else ''}; have the variable "
        f"SSL_CERT_FILE, or for S3 AWS_CA_BUNDLE, name a PEM file with its authority."
    )


def _cause_of_absence(place: str, error: OSError) -> OuthaulError | None:
    if isinstance(error, FileNotFoundError) and error.errno is None and "Error performing " in str(error):
        return _s3_error(place, type(error).__name__, str(error))  # obstore has no error of its own for absence
    cause = error.__cause__
    if isinstance(error, FileNotFoundError) and _code(cause) == "NoSuchUpload":
        return RetriableError(f"The upload to {place} was ended by somebody else; try again later.")
    if isinstance(error, FileNotFoundError) and isinstance(cause, OuthaulError):
        return cause
    if not isinstance(error, FileNotFoundError) or not isinstance(cause, Exception) or not _is_of_aiohttp(cause):
        return None
    return _os_error(place, cause) if isinstance(cause, OSError) else _client_error(place, cause)


def _code(error: BaseException | None) -> str | None:
    """What S3 calls an error."""
    response = getattr(error, "response", None)
    return response.get("Error", {}).get("Code") if isinstance(response, dict) else None


def _is_of_aiohttp(error: Exception) -> bool:
    return _module(error) == "aiohttp"


def _module(error: Exception) -> str:
    """The package an error is of, told by name so that it need not be loaded."""
    return type(error).__module__.partition(".")[0]


def _os_error(place: str, error: OSError) -> OuthaulError:
    refused = getattr(error, "os_error", None)  # of a connection that `blocks.guard` did not let be made
    if type(refused).__name__ == "RefusedConnectionError":
        kind = getattr(refused, "kind", "")
        return RequestError(f"{place} leads to {kind}, where nothing is read; check the address.")
    match error:
        case FileNotFoundError():
            return RequestError(f"{place} does not exist; check the address.")
        case FileExistsError() | NotADirectoryError() | IsADirectoryError():
            return RequestError(
                f"{place} cannot be used: a file lies where a folder is needed, or the reverse; choose another place."
            )
        case PermissionError():
            return RequestError(f"{place} may not be read or written ({said(error)}); check the rights.")
        case TimeoutError() | ConnectionError():
            return RetriableError(f"{place} cannot be reached ({said(error)}); try again later.")
    if error.errno == errno.EFBIG:
        return FatalError(f"{place} is larger than its file system takes; choose another place.")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _no_space(place)
    if error.errno in (errno.EROFS, errno.EINVAL, errno.ENAMETOOLONG, errno.ENODEV, errno.EXDEV):
        return RequestError(f"{place} cannot be used ({said(error)}); check the address.")
    return RetriableError(f"{place} failed ({said(error)}); try again later.")


def _client_error(place: str, error: Exception) -> OuthaulError | None:
    """What SQLite and the clients of stores mean."""
    if isinstance(error, sqlite3.OperationalError):
        is_full = "disk is full" in str(error)
        return _no_space(place) if is_full else RetriableError(f"{place} failed ({said(error)}); try again later.")
    if _is_of_aiohttp(error):
        return _http_error(place, error)
    if is_damage(error):
        return RequestError(
            f"{place} cannot be read ({said(error)}); its archive is damaged, or of an unknown kind: make it again."
        )
    name, module = type(error).__name__, _module(error)
    if module == "obstore":
        return _s3_error(place, name, str(error))
    if module == "asyncssh":
        return _ssh_error(place, name)
    if module in ("webdav4", "httpx"):
        return _webdav_error(place, name, error)
    if module not in ("botocore", "aiobotocore"):
        return None
    if name in ("NoCredentialsError", "PartialCredentialsError"):
        return RequestError(
            f"There are no credentials for {place}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a block."
        )
    if name in ("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError"):
        return RetriableError(f"{place} cannot be reached ({name}); check the endpoint and that it is up.")
    return RequestError(f"{place} cannot be used ({said(error)}); check the address and the settings.")


def is_damage(error: Exception) -> bool:
    """What is said of a zip that is damaged, whose names are no text, or of a kind that Python does not read."""
    if isinstance(error, NotImplementedError | RuntimeError):
        return any(word in str(error) for word in ("compression", "zip file version", "encrypt", "patched data"))
    return isinstance(error, zipfile.BadZipFile | zlib.error | EOFError | UnicodeDecodeError)


def _ssh_error(place: str, name: str) -> OuthaulError:
    if name == "PermissionDenied":
        return RequestError(f"{place} lets nobody in with these credentials; check username, password or client_keys.")
    if name == "HostKeyNotVerifiable":
        return RequestError(f"The server of {place} is not known; put its key into known_hosts, or name such a file.")
    if name in ("ConnectionLost", "DisconnectError", "ChannelOpenError", "SFTPConnectionLost", "SFTPNoConnection"):
        return RetriableError(f"{place} cannot be reached ({name}); try again later.")
    return RequestError(f"{place} cannot be used ({name}); check the address and the settings.")


def _webdav_error(place: str, name: str, error: Exception) -> OuthaulError:
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return _status_error(place, status)
    if name in ("ResourceNotFound", "ResourceConflict"):
        return RequestError(f"{place} does not exist; check the address.")
    if name == "ForbiddenOperation":
        return RequestError(f"{place} may not be read or written; check the rights.")
    if name == "InsufficientStorage":
        return _no_space(place)
    if name in ("InvalidURL", "UnsupportedProtocol"):
        return RequestError(f"{place} cannot be used ({name}); check the address.")
    return RetriableError(f"{place} cannot be reached ({name}); try again later.")


_S3_PASSING = ("HTTP 429", "SlowDown", "RequestTimeout", "OperationAborted", "InvalidPart")
"""The last one: the store has lost what it had taken."""


def _s3_error(place: str, name: str, text: str) -> OuthaulError:
    """What obstore says, whose text holds the whole answer: what S3 calls the error is all that is shown of it."""
    status = re.search(r"status code: (\d{3})|: (5\d\d) ", text)
    found = re.search(r"<Code>(\w+)</Code>", text)
    code = found[1] if found else f"HTTP {status[1] or status[2]}" if status else name
    if code == "NoSuchUpload":
        return RetriableError(f"The upload to {place} was ended by somebody else; try again later.")
    if name in ("PermissionDeniedError", "UnauthenticatedError"):
        return RequestError(f"{place} may not be read or written ({code}); check the rights.")
    if name == "FileNotFoundError":
        return RequestError(f"{place} does not exist; check the address.")
    if status is None:
        return RetriableError(f"{place} cannot be reached; check the endpoint and that it is up.")
    if (status[1] or status[2]).startswith("5") or code in _S3_PASSING:
        return RetriableError(f"{place} failed ({code}); try again later.")
    return RequestError(f"{place} cannot be used ({code}); check the address and the settings.")


def _http_error(place: str, error: Exception) -> OuthaulError:
    """Told by the status and the kind alone: the text of such an error holds the whole address."""
    status = getattr(error, "status", None)
    if not isinstance(status, int):
        kind = type(error).__name__
        if isinstance(error, ValueError):
            return RequestError(f"{place} cannot be used ({kind}); check the address.")
        return RetriableError(f"{place} cannot be reached ({kind}); try again later.")
    return _status_error(place, status)


def _status_error(place: str, status: int) -> OuthaulError:
    if status == 507:
        return _no_space(place)
    if status in (401, 403):
        return RequestError(f"{place} may not be read or written (HTTP {status}); check the rights.")
    if status in (404, 410):
        return RequestError(f"{place} does not exist; check the address.")
    if status in (408, 425, 429) or not 400 <= status < 500:
        return RetriableError(f"{place} failed (HTTP {status}); try again later.")
    return RequestError(f"{place} cannot be used (HTTP {status}); check the address.")


def _no_space(place: str) -> FatalError:
    return FatalError(f"There is no space left for {place}; free some and run again.")


def said(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).split("\n", maxsplit=1)[0][:160]
