"""A folder keeps the promises of `tests.conformance.sources` whatever layout its dataset has."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect.blocks.fields import SecretDict

from blocks.folder import FolderSource
from tests.blocks.samples import lay_out, pack
from tests.conformance.sources import CANARY, SourceCase, SourceConformance
from tests.fakes.layouts import SAMPLES


class TestLayouts(SourceConformance):
    @pytest.fixture(params=sorted(SAMPLES))
    def case(self, request: pytest.FixtureRequest, tmp_path: Path) -> SourceCase:
        sample = SAMPLES[request.param]()
        folder = lay_out(tmp_path / "street", sample.files)
        return SourceCase(
            open=lambda: FolderSource(url=str(folder)),
            pictures={id_: sample.files[path] for id_, path in sample.pictures.items()},
            records=sample.records,
            lose=lambda media: (folder / media.ref).unlink(),
            locked=lambda: FolderSource(url=str(tmp_path / "nowhere"), options=SecretDict({"token": CANARY})),
            private=[str(tmp_path)],
        )


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_zip_is_read_like_a_folder(tmp_path: Path, name: str) -> None:
    """Packed as a zip, a dataset of any layout has the same entries, but for what tells versions of files apart."""
    files = SAMPLES[name]().files
    seen = []
    for place in (lay_out(tmp_path / "street", files), pack(tmp_path / "street.zip", files)):
        source = FolderSource(url=str(place))
        (found,) = source.catalog()
        dataset = source.dataset(found.id)
        entries = source.read(dataset, list(source.list_entries(dataset, {})), "none")
        seen.append((dataset, list(entries)))
    assert seen[0] == seen[1]
