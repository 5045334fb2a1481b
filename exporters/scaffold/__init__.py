"""New plug-ins, and new exporters for those there are: folders of files to start from, with tests that pass."""

from exporters.scaffold.create import NewExporter, NewPlugin, add_exporter, create_plugin
from exporters.scaffold.patterns import PATTERNS

__all__ = ["PATTERNS", "NewExporter", "NewPlugin", "add_exporter", "create_plugin"]
