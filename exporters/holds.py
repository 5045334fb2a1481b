"""What a format can hold, as data: asked once, before anything is fetched, instead of branching on a format's name."""

from __future__ import annotations

from dataclasses import dataclass

from exporters.model import Dataset


@dataclass(frozen=True)
class Holds:
    """A format's declaration. None: anything. `uses_numbers`: it writes integer ids, the source's own if there are."""

    modalities: frozenset[str] | None = None
    shapes: frozenset[str] | None = None
    uses_numbers: bool = False

    def misfits(self, dataset: Dataset) -> frozenset[str]:
        """Shapes that the dataset's ontology declares and this format cannot hold."""
        declared = frozenset(shape for category in dataset.categories for shape in category.shapes)
        return frozenset() if self.shapes is None else declared - self.shapes
