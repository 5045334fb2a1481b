"""What a run in the hub asks for: an event, looked at from all sides, since users type half of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from blocks.ango.filters import ALL_STAGES
from exporters.errors import RequestError
from exporters.foreign_json import UNREADABLE, check_levels

KEY_FRAMES = "include_key_frames_only"
REQUEST_KEYS = ("media", "on_error", "strict", "sort")
"""What the configuration may say beside the format's own options."""


class Asked(NamedTuple):
    project_id: str
    config: dict[str, Any]
    """As the user typed it."""
    stages: tuple[str, ...]
    """None of them: all stages."""
    batches: tuple[str, ...]
    """Ids; none of them: all batches."""

    @property
    def only_key_frames(self) -> bool:
        return bool(self.config.get(KEY_FRAMES, False))

    @property
    def request(self) -> dict[str, Any]:
        """The part of the configuration that is about the export as a whole."""
        return {name: value for name, value in self.config.items() if name in REQUEST_KEYS}

    @property
    def options(self) -> dict[str, Any]:
        """The part of the configuration that is the format's options."""
        return {name: value for name, value in self.config.items() if name not in (*REQUEST_KEYS, KEY_FRAMES)}

    @property
    def where(self) -> list[str]:
        """The filters, as the source has them."""
        return [f"stage={one}" for one in self.stages or (ALL_STAGES,)] + [f"batch={one}" for one in self.batches]


def read_event(event: Mapping[str, Any]) -> Asked:
    """What is asked for.

    Raises:
        RequestError: something of it cannot be made sense of.
    """
    project_id, api_key = event.get("projectId"), event.get("apiKey")
    if not isinstance(project_id, str) or not project_id:
        raise RequestError("The hub named no project; run the plug-in from a project's page.")
    if not isinstance(api_key, str) or not api_key:
        raise RequestError("The hub sent no API key with this run; make one for your account, then run again.")
    return Asked(
        project_id=project_id,
        config=_config(event.get("configJSON", "{}")),
        # Nothing given means completed tasks; an empty list means no filter at all.
        stages=_names(event.get("stage"), "Stage Filter", ("Complete",)),
        batches=_names(event.get("batches"), "Batch Filter", ()),
    )


def _config(text: Any) -> dict[str, Any]:
    if not isinstance(text, str) or not text.strip():
        raise RequestError("The configuration of this run is empty; write {} to have the defaults.")
    try:
        check_levels(text.encode(errors="surrogatepass"))
        config = msgspec.json.decode(text)
    except UNREADABLE as error:
        raise RequestError(
            f"The configuration of this run is not valid JSON ({str(error).removeprefix('JSON is malformed: ')}); "
            f'write something like {{"option": "value"}}.'
        ) from None
    if not isinstance(config, dict):
        raise RequestError('The configuration of this run is not a JSON object; write something like {"option": 1}.')
    return config


def _names(value: Any, what: str, default: tuple[str, ...]) -> tuple[str, ...]:
    if value is None:
        return default
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise RequestError(f"The {what} of this run is no list of names; choose it again.")
    return tuple(dict.fromkeys(value))
