"""Options that are refused before anything is fetched. Their descriptions are what forms and `outhaul formats` show."""

from __future__ import annotations

import csv
import io
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from exporters.contextual import Context

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}


class TableOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    delimiter: Literal["comma", "semicolon", "tab"] = Field(default="comma", description="Between the columns.")
    least: int = Field(default=0, ge=0, description="Leave entries with fewer annotations out.")
    most: int | None = Field(default=None, ge=0, description="Leave entries with more annotations out.")

    @model_validator(mode="after")
    def _has_room(self) -> TableOptions:
        if self.most is not None and self.most < self.least:
            raise ValueError(f"most={self.most} leaves no room above least={self.least}")
        return self


class ValidatedOptions:
    name = "example-validated-options"
    description = "A table of entries with the number of their annotations."
    options = TableOptions

    def export(self, context: Context) -> None:
        options = context.options
        file = context.io.file(format="csv")
        for dataset in context.datasets:
            for entry in dataset.entries():
                count = len(entry.annotations())
                if count < options.least or (options.most is not None and count > options.most):
                    entry.leave_out("its number of annotations was not asked for")
                    continue
                file.write(self._row([entry.record.id, entry.record.name, count], DELIMITERS[options["delimiter"]]))

    def _row(self, values: list[object], delimiter: str) -> str:
        row = io.StringIO()
        csv.writer(row, delimiter=delimiter, lineterminator="\n").writerow(values)
        return row.getvalue()
