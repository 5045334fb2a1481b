"""`python -m tests.samples` keeps a sample of what this version writes; those of earlier versions stay as they are."""

import tempfile
from pathlib import Path

from prefect.testing.utilities import prefect_test_harness

from tests.samples.making import make

with tempfile.TemporaryDirectory() as scratch, prefect_test_harness(server_startup_timeout=120):
    make(Path(scratch))
