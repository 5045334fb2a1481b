"""Exporters of third parties: in folders named by the environment, or brought by installed packages."""

from exporters.plugins.folders import load_plugin
from exporters.plugins.manifest import PluginManifest
from exporters.plugins.modalities import Modalities
from exporters.plugins.plugin import AnyExporter, Plugin, PluginContext, Registration

__all__ = ["AnyExporter", "Modalities", "Plugin", "PluginContext", "PluginManifest", "Registration", "load_plugin"]
