"""What the tests of blocks share beside `samples.py`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

# The suites assert for themselves: their failures are to be as telling as a test file's.
pytest.register_assert_rewrite("tests.conformance.sources", "tests.conformance.targets")


@pytest.fixture
def forgotten() -> Iterator[None]:
    """S3 clients of other tests are not used again, nor are this test's: they remember credentials."""
    import s3fs  # noqa: PLC0415 - botocore takes its time

    s3fs.S3FileSystem.clear_instance_cache()
    yield
    s3fs.S3FileSystem.clear_instance_cache()
