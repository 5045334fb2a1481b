"""What every exporter promises, as tests that its own join with one line:

TestMyExport = conformance(MyExport)
"""

from __future__ import annotations

from typing import Any

from exporters.contextual.exporter import adapt
from exporters.naming import safe_component
from exporters.testing.data import Datasets, plain_data
from exporters.testing.running import run
from exporters.testing.samples import sample_data


def conformance(exporter: type[Any], /, data: Datasets | None = None, **options: Any) -> type[Conformance]:
    """A class of tests of this exporter, with these options, over this data: by default, two datasets of all sorts."""
    return type(
        f"Test{exporter.__name__}",
        (Conformance,),
        {"exporter": exporter, "data": data or sample_data(), "options": options},
    )


class Conformance:
    """Collected by pytest under the name that it is given in a test module."""

    exporter: type[Any]
    data: Datasets
    options: dict[str, Any]

    def test_it_is_an_exporter(self) -> None:
        """It has all that an exporter needs, and its options have defaults or are given."""
        made = self.exporter() if hasattr(self.exporter, "assemble") else adapt(self.exporter)()
        assert made.name == made.name.strip()
        assert made.description.strip()

    def test_it_ends_well(self) -> None:
        """It gets through datasets of all sorts without an error, and what came in went out or was left out."""
        result = run(self.exporter, self.data, **self.options)
        assert not result.errors, result.errors
        result.tally.check("this export")

    def test_the_same_entries_give_the_same_bytes(self) -> None:
        """Two runs write the same files: no clock, no random number, no order of a set, no folder of this machine."""
        first, second = (run(self.exporter, self.data, **self.options) for _ in range(2))
        assert first.files.keys() == second.files.keys()
        differing = [path for path, data in first.files.items() if data != second.files[path]]
        assert not differing, f"these files differ from run to run: {differing}"

    def test_an_empty_dataset_is_an_export_too(self) -> None:
        """A dataset without entries is no error."""
        result = run(self.exporter, plain_data({"name": "empty"}), **self.options)
        assert not result.errors, result.errors

    def test_names_of_files_are_safe_everywhere(self) -> None:
        """No file has a name that some system refuses, or that leads out of the folder it is unpacked in."""
        for path in run(self.exporter, self.data, **self.options).files:
            for part in path.split("/"):
                plain = part.replace("~", "-")
                assert safe_component(plain) == plain, f"{path!r} is no name for every system"
