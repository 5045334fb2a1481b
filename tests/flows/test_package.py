"""What a package may consist of, and what may not be delivered."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporters import Assembly, Exporter, FatalError, Holds, Item, NoOptions, Shard, registry
from tests.flows.harness import Exports, Platform


class Escaping(Exporter[NoOptions]):
    """Describes a file outside of the package."""

    name = "escaping"
    description = "For tests."
    version = 1
    holds = Holds()
    options = NoOptions

    def convert(self, item: Item, shard: Shard[NoOptions]) -> None:
        shard.keep(item.annotations)

    def assemble(self, package: Assembly[NoOptions]) -> None:
        package.file("../../../escaped.txt", [b"x"])


@pytest.mark.parametrize("kind", ["zip", "directory"])
def test_no_file_leads_out_of_a_package(
    exports: Exports, platform: Platform, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """An exporter whose file would lie elsewhere fails the run: nothing is delivered, and nothing is written there."""
    monkeypatch.setitem(registry._builtin, "escaping", Escaping)
    with pytest.raises(FatalError, match=r"escaping wrote .*escaped\.txt.*safe_path"):
        exports.run(platform.source, exporter="escaping", package=kind, media="none")
    assert exports.delivered() == {}
    assert not list(Path(exports.folder).rglob("escaped.txt"))


def test_the_order_of_an_option_is_no_other_result(exports: Exports, platform: Platform) -> None:
    """Shares of splits in another order give the same export, also out of a workspace that has seen both."""
    options = {"split_by": "hash", "split_ratios": {"train": 0.5, "val": 0.5}}
    first = exports.run(platform.source, options=options)
    other = {**options, "split_ratios": {"val": 0.5, "train": 0.5}}
    assert exports.run(platform.source, options=other).delivery.package_sha256 == first.delivery.package_sha256
