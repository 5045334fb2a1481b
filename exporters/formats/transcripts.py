"""`transcripts`: what is said when in sounds and videos, as manifests, subtitles or annotation tiers (option `form`).

    jsonl      utterances.jsonl   or utterances_<split>.jsonl: a JSON object an utterance, as NeMo's manifests:
                                  {"audio_filepath": "audio/a.wav", "offset": 0.5, "duration": 1.75, "text": "hello",
                                   "label": "Speaker 1", "speaker": "Ada", "id": "...", "attributes": {...}}
               recordings.jsonl   or recordings_<split>.jsonl: a JSON object a recording, those without a word too
    vtt        transcripts/<recording>.vtt         WebVTT, a voice for each cue, times to the millisecond
    rttm       speakers.rttm      or speakers_<split>.rttm: a SPEAKER line each, times to the microsecond, no text
    textgrid   transcripts/<recording>.TextGrid    Praat's long form, a tier for each voice
    audio/...  the recordings; `audio_filepath` is relative to the manifest

Times are in seconds from the beginning of the recording. The text is the attribute `transcript`, the voice is the
attribute `speaker`, or else the class. Other attributes, and classes beside a speaker, are in `jsonl` alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field

from exporters.assembly import Assembly
from exporters.base import Exporter
from exporters.formats import timed_text
from exporters.formats.documents import json_bytes
from exporters.formats.texts import split_suffixes
from exporters.formats.timed_text import Utterance
from exporters.holds import Holds
from exporters.item import Item, Placed
from exporters.model import TimeSpan
from exporters.options import ClassOptions
from exporters.shard import Shard

TEXT, SPEAKER = "transcript", "speaker"
Spoken = tuple[Placed, Utterance]


class TranscriptsOptions(ClassOptions):
    form: Literal["jsonl", "vtt", "rttm", "textgrid"] = Field(
        default="jsonl",
        description="A manifest of utterances as NeMo and Whisper are trained on, WebVTT subtitles, RTTM for speaker "
        "diarization, or Praat's TextGrid.",
    )


class TranscriptsExporter(Exporter[TranscriptsOptions]):
    name = "transcripts"
    description = "What is said when in sounds and videos: a JSONL manifest, WebVTT, RTTM or Praat's TextGrid."
    version = 1
    is_entrywise = True
    holds = Holds(
        modalities=frozenset({"audio", "video"}),
        shapes=frozenset({"time_span"}),
        needs_category=True,
        pairs_by_stem=True,
    )
    options = TranscriptsOptions

    def convert(self, item: Item, shard: Shard[TranscriptsOptions]) -> None:
        media = item.entry.original
        if media is None:
            shard.leave_out("it has no media")
            return
        spoken = _spoken(item, shard)
        utterances = [utterance for _, utterance in spoken]
        folder = "/".join(["transcripts", *self.media_path(item, shard).split("/")[1:-1]])
        name = item.stem.rpartition("/")[2]
        split = item.entry.split or ""
        match shard.options.form:
            case "jsonl":
                path = item.files.get(media.id) or self.media_path(item, shard)
                shard.append(f"utterances:{split}", b"".join(_line(one, path) for one in spoken))
                shard.append(f"recordings:{split}", _recording(item, path))
            case "vtt":
                shard.write(f"{folder}/{name}.vtt", timed_text.webvtt(utterances).encode())
            case "rttm":
                shard.append(f"speakers:{split}", timed_text.rttm(item.stem, utterances).encode())
            case "textgrid":
                grid = timed_text.textgrid(utterances, _voices(utterances, shard), media.duration or 0.0)
                shard.write(f"{folder}/{name}.TextGrid", grid.encode())
        shard.keep(one for one, _ in spoken)

    def assemble(self, package: Assembly[TranscriptsOptions]) -> None:
        form = package.options.form
        kinds = {"jsonl": ("utterances", "recordings"), "rttm": ("speakers",)}.get(form, ())
        for kind in kinds:
            for split, suffix in split_suffixes(package, kind).items():
                package.file(f"{kind}{suffix}.{form}", package.pieces(f"{kind}:{split}"))


def _voices(utterances: Iterable[Utterance], shard: Shard[TranscriptsOptions]) -> list[str]:
    """Those that are heard: classes in their order, then speakers by name."""
    heard = {one.voice for one in utterances}
    classes = [one.name for one in shard.classes.classes if one.name in heard]
    return [*classes, *sorted(heard.difference(classes))]


def _spoken(item: Item, shard: Shard[TranscriptsOptions]) -> list[Spoken]:
    """The annotations that are written, in order of time; the others are counted as left out."""
    spoken: list[Spoken] = []
    for one in item.annotations:
        span = one.shape
        if not isinstance(span, TimeSpan):
            continue
        if not (math.isfinite(span.end) and 0 <= span.start < span.end):
            shard.leave_out_annotation(one, "its times are no stretch of time")
        elif shard.options.form == "vtt" and _milliseconds(span) < 1:
            shard.leave_out_annotation(one, "it is shorter than a millisecond, the least that WebVTT can hold")
        else:
            attributes = one.annotation.attributes
            voice = attributes.get(SPEAKER) or (one.category.name if one.category else "")
            spoken.append((one, Utterance(span.start, span.end, str(voice), str(attributes.get(TEXT) or ""))))
            _count_changes(one, shard)
    return sorted(spoken, key=lambda pair: (pair[1].start, pair[1].end))


def _milliseconds(span: TimeSpan) -> int:
    return timed_text.milliseconds(span.end) - timed_text.milliseconds(span.start)


def _count_changes(one: Placed, shard: Shard[TranscriptsOptions]) -> None:
    form, span, attributes = shard.options.form, one.shape, one.annotation.attributes
    if form == "jsonl" or not isinstance(span, TimeSpan):
        return
    if attributes.keys() - {TEXT, SPEAKER}:
        shard.change("attributes are not held")
    if form == "rttm" and attributes.get(TEXT):
        shard.change("its text is not held")
    if form == "vtt" and any(timed_text.milliseconds(at) / 1000 != at for at in (span.start, span.end)):
        shard.change("times are rounded to the millisecond")


def _line(spoken: Spoken, path: str) -> bytes:
    one, utterance = spoken
    row: dict[str, Any] = {
        "audio_filepath": path,
        "offset": utterance.start,
        "duration": utterance.end - utterance.start,
        "text": utterance.text,
        "label": one.category.name if one.category else "",
    }
    attributes = dict(one.annotation.attributes)
    attributes.pop(TEXT, None)
    if attributes.get(SPEAKER):
        row["speaker"] = str(attributes.pop(SPEAKER))
    row["id"] = one.annotation.id
    if attributes:
        row["attributes"] = attributes
    return json_bytes(row) + b"\n"


def _recording(item: Item, path: str) -> bytes:
    media = item.entry.original
    row: dict[str, Any] = {"audio_filepath": path, "duration": media.duration if media else None}
    row |= {"id": item.entry.id, "name": item.entry.name}
    if item.entry.attributes:
        row["attributes"] = item.entry.attributes
    return json_bytes(row) + b"\n"
