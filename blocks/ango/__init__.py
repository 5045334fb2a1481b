"""Ango Hub as a source. Its words live and die in this package; `AngoSource` is its door."""

from blocks.ango.block import AngoSource

__all__ = ["AngoSource"]
