"""Being an Export plug-in of Ango Hub. Scripts written for the vendor's SDK run with their import changed to this:

from flows.ango import ExportPlugin, ExportResponse, run
"""

from __future__ import annotations

from flows.ango.callbacks import ExportPlugin, ExportResponse
from flows.ango.script import run

__all__ = ["ExportPlugin", "ExportResponse", "run"]
