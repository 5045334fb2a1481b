"""What `exporters.tally` promises: sums that a person can check, and a refusal of those that do not add up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.errors import FatalError
from exporters.tally import KINDS, MAX_EXAMPLES, Counters, Kind, LeftOut, Tally, total


@st.composite
def tallies(draw: st.DrawFn) -> Tally:
    counters = Counters()
    for kind in KINDS:
        went_out = draw(st.integers(0, 5))
        counters.went_out[kind] = counters.came_in[kind] = went_out
        for reason in draw(st.lists(st.sampled_from(["too small", "gone", "strange"]), max_size=3)):
            ids = draw(st.lists(st.text("abc", min_size=1, max_size=2), max_size=4))
            counters.leave_out(kind, reason, ids, is_fault=draw(st.booleans()))
            counters.came_in[kind] += len(ids)
    counters.changed["clipped"] = draw(st.integers(0, 3))
    counters.by_category["car"] = draw(st.integers(0, 3))
    counters.by_shape["box"] = draw(st.integers(0, 3))
    return counters.tally()


@given(st.lists(tallies(), max_size=5))
def test_total_is_the_sum(parts: list[Tally]) -> None:
    """Every number of a total is the sum of those of its parts, and it adds up when they do."""
    whole = total(parts)
    for kind in KINDS:
        assert whole.came_in.get(kind, 0) == sum(part.came_in.get(kind, 0) for part in parts)
        assert whole.went_out.get(kind, 0) == sum(part.went_out.get(kind, 0) for part in parts)
        assert whole.left_out_count(kind) == sum(part.left_out_count(kind) for part in parts)
    assert whole.changed.get("clipped", 0) == sum(part.changed.get("clipped", 0) for part in parts)
    assert whole.by_category.get("car", 0) == sum(part.by_category.get("car", 0) for part in parts)
    assert whole.by_shape.get("box", 0) == sum(part.by_shape.get("box", 0) for part in parts)
    assert whole.has_faults == any(part.has_faults for part in parts)
    whole.check("the export")


@given(st.lists(tallies(), max_size=5), st.integers(0, 5))
def test_total_of_totals_is_the_total(parts: list[Tally], at: int) -> None:
    """How parts are put together changes nothing, examples included."""
    assert total([total(parts[:at]), total(parts[at:])]) == total(parts)


@given(tallies())
def test_tally_survives_json(tally: Tally) -> None:
    """A tally written as JSON and read back is the same."""
    assert Tally.model_validate_json(tally.model_dump_json()) == tally


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("came_in", "went_out", "left_out"), [(3, 1, 1), (1, 1, 1), (0, 1, 0), (0, 0, 1)])
def test_sums_that_differ_are_refused(kind: Kind, came_in: int, went_out: int, left_out: int) -> None:
    """A tally of which anything vanished, or appeared, is refused with its numbers and where."""
    tally = Tally(
        came_in={kind: came_in},
        went_out={kind: went_out},
        left_out=(LeftOut(kind=kind, reason="gone", count=left_out),),
    )
    with pytest.raises(FatalError, match=f"{kind} of the export do not add up: {came_in} came in, {went_out} went out"):
        tally.check("the export")


def test_sums_that_agree_pass() -> None:
    """A tally that adds up for every kind is taken, and so is an empty one."""
    Tally().check("nothing")
    Tally(
        came_in={"entries": 2}, went_out={"entries": 1}, left_out=(LeftOut(kind="entries", reason="x", count=1),)
    ).check("the export")


def test_left_out_is_counted_by_reason_with_a_few_examples() -> None:
    """Each reason has its count and the first few ids, however many there are."""
    counters = Counters()
    counters.leave_out("entries", "gone", (str(number) for number in range(4)))
    counters.leave_out("entries", "gone", (str(number) for number in range(4, 100)))
    counters.leave_out("entries", "empty", ["x"])
    assert counters.tally().left_out == (
        LeftOut(kind="entries", reason="empty", count=1, examples=("x",)),
        LeftOut(kind="entries", reason="gone", count=100, examples=tuple("01234")),
    )
    assert MAX_EXAMPLES == 5


def test_faults_and_rules_are_counted_apart() -> None:
    """The same reason is listed twice when it was a fault once and a rule another time."""
    counters = Counters()
    counters.leave_out("medias", "gone", ["a"], is_fault=True)
    counters.leave_out("medias", "gone", ["b"])
    left = counters.tally().left_out
    assert [(one.is_fault, one.examples) for one in left] == [(False, ("b",)), (True, ("a",))]
    assert counters.tally().has_faults


def test_nothing_left_out_is_no_line() -> None:
    """A reason that nothing was left out for does not appear."""
    counters = Counters()
    counters.leave_out("medias", "gone", [])
    counters.leave_out("medias", "not asked for", ["a"], count=0)
    assert counters.tally() == Tally()


def test_order_of_counting_does_not_show() -> None:
    """Keys and reasons are sorted, so that the same numbers are the same bytes."""
    one, two = Counters(), Counters()
    for counters, keys in ((one, "ab"), (two, "ba")):
        for key in keys:
            counters.by_category[key] += 1
            counters.changed[key] += 1
            counters.leave_out("entries", key, [key])
    assert one.tally().model_dump_json() == two.tally().model_dump_json()
