"""What holds for every history of a demand, sensible or not."""

from __future__ import annotations

from datetime import date, datetime
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from libs.demand import INITIAL, AssignmentStatus, DemandState, evolve, next_due, public_due
from libs.events import Deadline, DemandEvent, Event, Sealed
from libs.events.codec import decode
from libs.events.testing import at, commits, sealed
from libs.events.timekeeping import Limit
from tests.unit.demand import situations as s

MOMENTS = st.sampled_from([at(n) for n in (-86400, 0, 5, 86400)])
DAYS = st.sampled_from([at(0).date()])
# Few ids and nodes, so that events meet each other; and some that belong to nothing.
WORDS = {
    "assignment": st.sampled_from(["a1", "a2", "a3", "", "zz"]),
    "node": st.sampled_from([s.WINDOW, s.SECOND, s.HUB, "nb-unknown"]),
    "desk": st.sampled_from([s.HUB, s.COUNTY_HUB]),
    "assistance": st.sampled_from(["s1", "s2", "zz"]),
    "deadlines": st.dictionaries(st.sampled_from(get_args(Limit)), st.sampled_from([Deadline(at=at(n)) for n in (-9, 9, 999)]), max_size=3),
    "fields": st.just(()),
    "explanation": st.sampled_from([s.explanation(s.WINDOW), s.explanation(s.COUNTY_HUB, "lowest_hub"), s.explanation(s.HUB, "desk")]),
}


def of_type(annotation: Any) -> st.SearchStrategy[Any]:
    """Any value of an event member's type."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return st.one_of(*map(of_type, inner))
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is tuple:
        return st.lists(of_type(inner[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(of_type(inner[0]), of_type(inner[1]), max_size=2)
    if annotation is Sealed:
        return st.just(sealed())
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return any_of(annotation)
    plain = {str: st.text(max_size=8), int: st.integers(0, 100), bool: st.booleans(), NoneType: st.none(), datetime: MOMENTS, date: DAYS}
    return plain[annotation]


def any_of(cls: type[BaseModel]) -> st.SearchStrategy[Any]:
    members = {name: WORDS[name] if name in WORDS else of_type(field.annotation) for name, field in cls.model_fields.items()}
    return st.builds(cls, **members)


EVENTS: st.SearchStrategy[Event] = st.one_of(st.sampled_from(s.ONE_OF_EACH), *map(any_of, get_args(DemandEvent)))
HISTORIES = st.lists(EVENTS, max_size=12)


def fold(history: list[Event], state: DemandState = INITIAL) -> DemandState:
    for number, event in enumerate(history, 1):
        state = evolve(state, event, version=number, at=at(number))
    return state


def test_every_event_type_takes_part_in_the_properties() -> None:
    assert {type(event) for event in s.ONE_OF_EACH} == set(get_args(DemandEvent))


@given(HISTORIES)
def test_evolve_never_raises(history: list[Event]) -> None:
    assert isinstance(fold(history), DemandState)


@given(st.lists(EVENTS, min_size=1, max_size=12), st.integers(0, 12))
def test_folding_in_two_steps_is_folding_at_once(history: list[Event], cut: int) -> None:
    state = fold(history[:cut])
    for number, event in enumerate(history[cut:], len(history[:cut]) + 1):
        state = evolve(state, event, version=number, at=at(number))
    assert state == fold(history)


@given(st.lists(EVENTS, min_size=1, max_size=8))
def test_a_history_that_was_stored_folds_to_the_same_state(history: list[Event]) -> None:
    state = INITIAL
    for _, body in commits("ningbo-26a-0123456789abcdef", *history):
        commit = decode(body)
        for event in commit.events:
            state = evolve(state, event, version=commit.version, at=commit.at)
    assert state == fold(history)


@given(HISTORIES, EVENTS)
def test_no_event_takes_an_assignment_away(history: list[Event], event: Event) -> None:
    before = fold(history)
    after = evolve(before, event, version=len(history) + 1, at=at(len(history) + 1))
    if event.name() != "DemandSubmitted":
        assert [assignment.id for assignment in after.assignments][: len(before.assignments)] == [a.id for a in before.assignments]


@given(HISTORIES)
def test_returned_by_names_exactly_the_assignments_returned_and_lapsed(history: list[Event]) -> None:
    state = fold(history)
    gone = (AssignmentStatus.RETURNED, AssignmentStatus.LAPSED)
    assert len(state.returned_by) == sum(a.status in gone for a in state.assignments)
    assert set(state.returned_by) <= set(state.passed_over)


@given(HISTORIES)
def test_whoever_looks_at_a_demand_finds_a_moment_for_it_or_none(history: list[Event]) -> None:
    state = fold(history)
    assert (next_due(state) is not None) or not state.is_open
    assert public_due(state) is None or state.is_open
