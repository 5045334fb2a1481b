"""`verify`: what lies at the targets is read back by the run itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporters.errors import FatalError
from tests.flows.harness import Exports, Platform


def test_what_was_changed_at_the_target_is_noticed(platform: Platform, exports: Exports) -> None:
    """A sound export passes; when a byte of it is another one, the next run fails and names the file, though it would
    have moved nothing.
    """
    summary = exports.run(platform.source, media="none", verify=True)
    package = Path(summary.delivery.url) / summary.delivery.package
    data = bytearray(package.read_bytes())
    data[len(data) // 2] ^= 1
    package.write_bytes(data)
    with pytest.raises(FatalError, match=r"is not what was delivered: .*\. Remove that folder"):
        exports.run(platform.source, media="none", verify=True)
    assert exports.run(platform.source, media="none").delivery.was_there
