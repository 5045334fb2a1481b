"""Where the workspace lies unless it is said; apart from its block, since commands without a flow ask for it too."""

from __future__ import annotations

import os
from pathlib import Path


def default_workspace_url() -> str:
    """`$OUTHAUL_WORKSPACE`, else a folder in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return os.environ.get("OUTHAUL_WORKSPACE") or f"{cache}/outhaul"
