"""Hypothesis strategies for every event type and for commits, derived from the types themselves."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st
from pydantic import BaseModel

from libs.events import Actor, Commit, Event, Sealed
from libs.events.algorithms import digest
from libs.events.codec import TYPES
from libs.events.demand import Basis, Candidate, Classification, Explanation, RoutingInputs, TermMatch

json_values: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2099, 1, 1), timezones=st.sampled_from([UTC, timezone(timedelta(hours=8))]))  # noqa: DTZ001


def whole_milliseconds(moment: datetime) -> datetime:
    """A moment as commits carry it."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def models(cls: type[BaseModel], **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Instances of a model with every member drawn from its annotation; members with a default may be left out."""
    required = {name: fixed.get(name, st.from_type(field.annotation)) for name, field in cls.model_fields.items() if field.is_required()}
    optional = {
        name: fixed.get(name, st.from_type(field.annotation)) for name, field in cls.model_fields.items() if not field.is_required()
    }
    return st.fixed_dictionaries(required, optional=optional).map(lambda members: cls(**members))


for part in (Sealed, TermMatch, Classification, Basis, RoutingInputs, Candidate, Explanation, Actor):
    st.register_type_strategy(part, models(part))
st.register_type_strategy(date, st.dates(date(2020, 1, 1), date(2099, 1, 1)))
st.register_type_strategy(datetime, moments)


def events(name: str) -> st.SearchStrategy[Event]:
    """Events of one type."""
    fixed = (
        {"items": st.lists(st.dictionaries(st.text(), json_values, max_size=4), max_size=3).map(tuple)}
        if "items" in TYPES[name].model_fields
        else {}
    )
    return models(TYPES[name], **fixed)


any_event = st.sampled_from(sorted(TYPES)).flatmap(events)


def commits(event: st.SearchStrategy[Event] = any_event) -> st.SearchStrategy[Commit]:
    """Well-formed commits."""
    return st.builds(
        Commit,
        entity=st.sampled_from(["ningbo-t1-0123456789abcdef", "ningbo.graph", "system.cell.t1"]),
        version=st.integers(1, 10_000),
        prev=st.none() | st.builds(digest, st.binary(), st.sampled_from(["sha256", "sm3"])),
        command=st.text(min_size=1),
        command_id=st.text("0123456789abcdef", min_size=32, max_size=32),
        request=st.none() | st.text(),
        at=moments.map(whole_milliseconds),
        actor=models(Actor),
        events=st.lists(event, min_size=1, max_size=3).map(tuple),
    )
