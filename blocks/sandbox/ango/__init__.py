"""A stand-in for Ango Hub: its REST interface and its storage, over real HTTP, with tasks whose truth is known."""

from blocks.sandbox.ango.hub import DEMO_PLUGIN_ID, DEMO_PLUGIN_SECRET
from blocks.sandbox.ango.sandbox import DEMO_API_KEY, AngoSandbox

__all__ = ["DEMO_API_KEY", "DEMO_PLUGIN_ID", "DEMO_PLUGIN_SECRET", "AngoSandbox"]
