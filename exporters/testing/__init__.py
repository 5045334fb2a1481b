"""Tests of exporters without a platform, a server or a flow: data in, files and books out, in milliseconds.

from exporters.testing import conformance, plain_data, run

def test_it_writes_every_annotation():
result = run(MyExport, plain_data({"entries": [{"annotations": [{"annotation": {"category": "car"}}]}]}))
assert result.json()[0]["category"] == "car"
result.assert_complete("annotations")

TestMyExport = conformance(MyExport)
"""

from exporters.testing.data import Datasets, fetched_shard, plain_data, platform_data
from exporters.testing.result import Result
from exporters.testing.running import run
from exporters.testing.samples import sample_data
from exporters.testing.suite import conformance

__all__ = [
    "Datasets",
    "Result",
    "conformance",
    "fetched_shard",
    "plain_data",
    "platform_data",
    "run",
    "sample_data",
]
