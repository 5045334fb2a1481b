"""The process of a session that an exporter carries out: `flows.ango.worker`."""

from flows.ango.worker import make_export, serve_one
from flows.child_side import private_streams

serve_one(make_export, *private_streams())
