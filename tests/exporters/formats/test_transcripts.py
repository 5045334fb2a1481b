"""What the format `transcripts` promises beside what every format does, each form read by a strict reader."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.formats.transcripts import TranscriptsExporter
from exporters.model import Annotation, Category, Entry, TimeSpan
from tests.conformance.exporters import Export, run_export
from tests.fakes import hostile
from tests.fakes.datasets import annotation, dataset, entry, picture

GOLDEN = Path(__file__).parent / "golden" / "transcripts"
CATEGORIES = (Category(id="s", name="speech"), Category(id="n", name="noise & hum"))
SOUNDS = dataset(categories=CATEGORIES, modality="audio")
FORMS = ("jsonl", "vtt", "rttm", "textgrid")
Said = tuple[float, float, str, str]


def span(start: float, end: float, id_: str = "a", category_id: str = "s", **attributes: Any) -> Annotation:
    return annotation(id_, TimeSpan(start, end), category_id=category_id, attributes=attributes)


def sound(id_: str, *spans: Annotation, duration: float | None = 10.0, **values: Any) -> Entry:
    media = picture(f"{id_}-m", mime_type="audio/wav", width=None, height=None, duration=duration)
    return entry(id_, *spans, **{"name": f"{id_}.wav", "medias": (media,), **values})


def export(*entries: Entry, form: str = "jsonl", **values: Any) -> Export:
    asked = values.pop("dataset", SOUNDS)
    made = run_export(TranscriptsExporter(), [asked], entries, options={"form": form}, **values)
    made.tally.check("the export")
    return made


def reasons(made: Export) -> dict[str, int]:
    return {left.reason: left.count for left in made.tally.left_out if left.kind == "annotations"}


# -- independent readers ----------------------------------------------------------------------------------------------

CLOCK = r"(\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3})"
CUE = re.compile(rf"{CLOCK} --> {CLOCK}\n<v ([^<>\n]+)>([^<>]*)\n", re.ASCII)
ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">"}


def webvtt(data: bytes) -> list[Said]:
    """The cues; raises unless the file is one header and cues of a voice and text, between single empty lines."""
    header, *blocks = data.decode().split("\n\n")
    assert header in ("WEBVTT", "WEBVTT\n")
    cues = []
    for number, block in enumerate(blocks, 1):
        cue = CUE.fullmatch(block if number == len(blocks) else f"{block}\n")
        assert cue, block
        assert "-->" not in cue[10]
        assert not any(character in cue[0] for character in "\r\x00")
        numbers = [int(value) for value in cue.groups()[:8]]
        start, end = ((((h * 60 + m) * 60 + s) * 1000 + ms) / 1000 for h, m, s, ms in (numbers[:4], numbers[4:]))
        assert start < end
        cues.append((start, end, unescaped(cue[9]), unescaped(cue[10])))
    assert cues == sorted(cues, key=lambda one: one[0])
    return cues


def unescaped(text: str) -> str:
    return re.sub(r"&[^;]*;", lambda entity: ENTITIES[entity[0]], text)


def rttm(data: bytes) -> list[tuple[str, float, float, str]]:
    """Recording, onset, duration and speaker of each line; raises unless each has the ten fields of a SPEAKER line."""
    found = []
    for line in data.decode().split("\n")[:-1]:
        fields = line.split(" ")
        assert line.split() == fields
        kind, recording, channel, onset, duration, *rest = fields
        assert (kind, channel) == ("SPEAKER", "1")
        assert (rest[0], rest[1], *rest[3:]) == ("<NA>",) * 4
        assert float(duration) > 0
        found.append((recording, float(onset), float(duration), rest[2]))
    assert data == b"" or data.endswith(b"\n")
    return found


TOKEN = re.compile(r'"((?:[^"]|"")*)"|<(exists|absent)>|(-?\d+(?:\.\d+)?)(?![^\s])')


def textgrid(data: bytes) -> dict[str, list[Said]]:
    """The intervals that say something, by tier; raises unless each tier is without a hole from its start to its end.

    As Praat does, it takes texts, flags and free-standing numbers, and passes over what stands between them.
    """
    lines = re.sub(r"\[\d*\]:?", "", data.decode())
    tokens = iter(TOKEN.findall(lines))

    def text() -> str:
        value = next(tokens)
        assert not value[1]
        assert not value[2]
        return str(value[0]).replace('""', '"')

    def number() -> float:
        return float(next(tokens)[2])

    assert (text(), text()) == ("ooTextFile", "TextGrid")
    assert number() == 0
    end = number()
    if next(tokens)[1] == "absent":
        assert not list(tokens)
        return {}
    tiers: dict[str, list[Said]] = {}
    for _ in range(int(number())):
        assert text() == "IntervalTier"
        name = text()
        assert name not in tiers
        assert (number(), number()) == (0, end)
        intervals = [(number(), number(), name, text()) for _ in range(int(number()))]
        borders = [0.0, *(one[1] for one in intervals)]
        assert [one[0] for one in intervals] == borders[:-1]
        assert borders[-1] == end
        assert borders == sorted(set(borders))
        tiers[name] = [one for one in intervals if one[3]]
    assert not list(tokens)
    return tiers


def manifest(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


# -- what is written --------------------------------------------------------------------------------------------------


def recordings() -> list[Entry]:
    return [
        sound(
            "e1",
            span(0.5, 2.25, "a1", transcript='She said "yes" & <left>.', speaker="Ada L."),
            span(2.0, 3.0, "a2", transcript="No.\n\nNever.", speaker="Bob", sure=False),
            span(4.0, 4.5, "a3", category_id="n"),
        ),
        sound("e2", duration=1.5),
    ]


def small() -> dict[str, bytes]:
    return {path: data for form in FORMS for path, data in export(*recordings(), form=form).files.items()}


def test_golden_files() -> None:
    """A small export in each form is, to the byte, the files that lie beside this test to be looked at."""
    files = [path for path in GOLDEN.rglob("*") if path.is_file()]
    assert small() == {path.relative_to(GOLDEN).as_posix(): path.read_bytes() for path in files}


def test_manifest_has_all_there_is() -> None:
    """A line of the manifest has the file, times, text, speaker, class and the attributes beside them."""
    made = export(*recordings())
    lines = manifest(made.files["utterances.jsonl"])
    assert lines[1] == {
        "audio_filepath": "audio/e1.wav",
        "offset": 2.0,
        "duration": 1.0,
        "text": "No.\n\nNever.",
        "label": "speech",
        "speaker": "Bob",
        "id": "a2",
        "attributes": {"sure": False},
    }
    assert {line["audio_filepath"] for line in lines} <= made.medias.keys()


def test_silent_recordings_are_listed() -> None:
    """A recording in which nothing is said has no utterance, and its line among the recordings."""
    made = export(*recordings())
    assert [(one["audio_filepath"], one["duration"]) for one in manifest(made.files["recordings.jsonl"])] == [
        ("audio/e1.wav", 10.0),
        ("audio/e2.wav", 1.5),
    ]


TIMES = st.tuples(st.integers(0, 40_000), st.integers(1, 4000)).map(lambda ms: (ms[0] / 1000, (ms[0] + ms[1]) / 1000))
TEXTS = st.text('abé "&<>-\n\r\t\x00日;', max_size=12)


@st.composite
def spans(draw: st.DrawFn) -> list[Annotation]:
    return [
        span(*draw(TIMES), f"a{index}", draw(st.sampled_from("sn")), transcript=draw(TEXTS), speaker=draw(TEXTS))
        for index in range(draw(st.integers(0, 5)))
    ]


def expected(one: Annotation) -> Said:
    assert isinstance(one.shape, TimeSpan)
    voice = one.attributes["speaker"] or {"s": "speech", "n": "noise & hum"}[one.category_id or ""]
    return one.shape.start, one.shape.end, voice, one.attributes["transcript"]


def plain(text: str) -> str:
    """A text without what the forms that are made of lines cannot hold."""
    return " ".join(text.replace("\x00", "\ufffd").split())


@given(spans())
def test_manifests_read_back(given_spans: list[Annotation]) -> None:
    """Start, duration, voice and text of each utterance are those that went in, to the last bit and letter."""
    lines = manifest(export(sound("e1", *given_spans)).files["utterances.jsonl"])
    found = [(one["offset"], one["duration"], one.get("speaker", one["label"]), one["text"]) for one in lines]
    wanted = [(start, end - start, voice, text) for start, end, voice, text in map(expected, given_spans)]
    assert sorted(found) == sorted(wanted)


@given(spans())
def test_subtitles_read_back(given_spans: list[Annotation]) -> None:
    """Times to the millisecond, voices and texts of WebVTT are those that went in, markup in them is not obeyed."""
    found = webvtt(export(sound("e1", *given_spans), form="vtt").files["transcripts/e1.vtt"])
    wanted = [(start, end, plain(voice) or "~", plain(text)) for start, end, voice, text in map(expected, given_spans)]
    assert sorted((start, end, plain(voice), plain(text)) for start, end, voice, text in found) == sorted(wanted)


@given(spans())
def test_speakers_read_back(given_spans: list[Annotation]) -> None:
    """Times to the microsecond are those that went in; speakers stay as many as they were, each one field."""
    found = rttm(export(sound("e 1", *given_spans), form="rttm").files["speakers.rttm"])
    wanted = sorted(map(expected, given_spans))
    assert all(recording == "e~201" for recording, _, _, _ in found)
    for (_, onset, duration, _), (start, end, _, _) in zip(found, wanted, strict=True):
        assert (onset, onset + duration) == pytest.approx((start, end), abs=1e-6)
    assert len({one[3] for one in found}) == len({one[2] for one in wanted})


@given(spans())
def test_tiers_read_back(given_spans: list[Annotation]) -> None:
    """Times, to the last bit, and texts of a TextGrid are those that went in, whatever overlaps."""
    tiers = textgrid(export(sound("e1", *given_spans), form="textgrid").files["transcripts/e1.TextGrid"])
    found = [(start, end, text) for tier in tiers.values() for start, end, _, text in tier]
    wanted = [(start, end, plain(text) or plain(voice)) for start, end, voice, text in map(expected, given_spans)]
    kept = [one for one in wanted if one[2]]
    assert sorted((start, end, plain(text)) for start, end, text in found) == sorted(kept)


def test_blank_text_is_no_text() -> None:
    """Where nothing but blanks is said, an interval has the voice, as where nothing is known to be said."""
    tiers = textgrid(
        export(sound("e1", span(0.0, 1.0, transcript=" \n")), form="textgrid").files["transcripts/e1.TextGrid"]
    )
    assert [text for tier in tiers.values() for _, _, _, text in tier] == ["speech"]


def test_overlaps_of_one_voice_go_to_further_tiers() -> None:
    """Intervals of a tier cannot overlap: what does goes to a tier of its own, named after the first."""
    one = sound("e1", span(0.0, 2.0, "a"), span(1.0, 3.0, "b"), span(2.0, 4.0, "c"))
    tiers = textgrid(export(one, form="textgrid").files["transcripts/e1.TextGrid"])
    assert {name: [(start, end) for start, end, *_ in tier] for name, tier in tiers.items()} == {
        "speech": [(0.0, 2.0), (2.0, 4.0)],
        "speech (2)": [(1.0, 3.0)],
    }


def test_tiers_never_share_a_name() -> None:
    """A speaker who is called like the further tier of another keeps a tier apart from it."""
    spans = (span(0.0, 2.0, "a"), span(1.0, 3.0, "b"), span(0.0, 1.0, "c", speaker="speech (2)"))
    tiers = textgrid(export(sound("e1", *spans), form="textgrid").files["transcripts/e1.TextGrid"])
    assert list(tiers) == ["speech", "speech (2)", "speech (2) (2)"]


def test_a_tier_reaches_as_far_as_what_is_said() -> None:
    """Where a recording is said to be shorter than what is said in it, or to have no length, nothing is cut."""
    for duration in (1.0, None):
        made = export(sound("e1", span(0.5, 2.0), duration=duration), form="textgrid")
        assert textgrid(made.files["transcripts/e1.TextGrid"])["speech"][0][:2] == (0.5, 2.0)


def test_recordings_of_rttm_are_named_as_their_files() -> None:
    """The recording is its file's path without extension, escapes of unsafe names as they are, blanks escaped too."""
    made = export(sound("e1", span(0.0, 1.0), name="a b/c:d.wav"), form="rttm")
    ((recording, *_),) = rttm(made.files["speakers.rttm"])
    (path,) = made.medias
    assert path == f"audio/{recording.replace('~20', ' ')}.wav"


def test_what_a_form_cannot_hold_is_counted() -> None:
    """Attributes, texts and fractions of a millisecond that a form has no room for are counted as changes."""
    one = sound("e1", span(0.12345, 2.0, transcript="hello", language="en"))
    changes = {form: export(one, form=form).tally.changed for form in FORMS}
    assert changes == {
        "jsonl": {},
        "vtt": {"attributes are not held": 1, "times are rounded to the millisecond": 1},
        "rttm": {"attributes are not held": 1, "its text is not held": 1},
        "textgrid": {"attributes are not held": 1},
    }


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("times", [(2.0, 1.0), (1.0, 1.0), (-1.0, 1.0), (0.0, math.inf), (math.nan, 1.0)])
def test_times_that_are_none_are_left_out(form: str, times: tuple[float, float]) -> None:
    """A span that ends before it begins, begins before the recording, or has no numbers for times is left out."""
    assert reasons(export(sound("e1", span(*times)), form=form)) == {"its times are no stretch of time": 1}


def test_cues_take_a_millisecond() -> None:
    """What is shorter than WebVTT can say is left out of it, and only of it."""
    one = sound("e1", span(1.0001, 1.0002))
    assert list(reasons(export(one, form="vtt"))) == [
        "it is shorter than a millisecond, the least that WebVTT can hold"
    ]
    assert not any(reasons(export(one, form=form)) for form in ("jsonl", "rttm", "textgrid"))


def test_long_recordings() -> None:
    """Hours go beyond 99, and rounding carries over to them."""
    (cue,) = webvtt(export(sound("e1", span(359_999.9996, 360_001.0)), form="vtt").files["transcripts/e1.vtt"])
    assert cue[:2] == (360_000.0, 360_001.0)


def test_files_lie_beside_each_other() -> None:
    """Subtitles and tiers have the name and folders of their recording; two of one stem are told apart."""
    entries = [
        sound("e1", name="x/a.wav", split="train"),
        sound("e2", name="x/a.mp3", split="train"),
        sound("e3", name="b.wav"),
    ]
    made = export(*entries, form="vtt")
    stems = [path.removeprefix("audio/").rpartition(".")[0] for path in made.medias]
    assert list(made.files) == [f"transcripts/{stem}.vtt" for stem in stems]
    assert len(set(stems)) == 3


@pytest.mark.parametrize("size", [1, 1000])
def test_a_manifest_for_each_split(size: int) -> None:
    """Each split has files of its own, entries in their order."""
    entries = [sound(f"e{index}", span(0.0, 1.0), split=("train", "val")[index % 2]) for index in range(5)]
    made = export(*entries, shard_size=size)
    assert sorted(made.files) == [
        f"{kind}_{split}.jsonl" for kind in ("recordings", "utterances") for split in ("train", "val")
    ]
    assert [one["id"] for one in manifest(made.files["recordings_train.jsonl"])] == ["e0", "e2", "e4"]


def test_videos_have_transcripts_too() -> None:
    """A video's utterances name its file among the videos."""
    media = picture("m", mime_type="video/mp4", duration=3.0)
    made = export(entry("e1", span(0.0, 1.0), name="e1.mp4", medias=(media,)))
    assert [one["audio_filepath"] for one in manifest(made.files["utterances.jsonl"])] == ["videos/e1.mp4"]


@pytest.mark.parametrize("form", FORMS)
def test_hostile_classes_and_names(form: str) -> None:
    """Whatever classes and recordings are called, every form stays readable, and voices stay apart in RTTM."""
    many = hostile.categories(modality="audio")
    entries = [
        sound(f"e{index}", span(0.0, 1.0, category_id=one.id), name=f"{one.name}.wav")
        for index, one in enumerate(many.categories)
    ]
    made = export(*entries, form=form, dataset=many)
    read = {"jsonl": manifest, "vtt": webvtt, "rttm": rttm, "textgrid": textgrid}[form]
    found = [read(data) for path, data in made.files.items() if not path.startswith("recordings")]
    if form == "rttm":
        assert len({one[3] for one in found[0]}) == len({one[0] for one in found[0]}) == len(many.categories)
    else:
        assert all(found)
