"""Property tests run the same examples every time, so that a failure is one for everybody."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("exporters", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("exporters")
