"""Shapes: geometry, run lengths, conversions, tracks. Pure functions on the record model."""
