"""What surrounds one demand: kin (重复, 合并, 拆分), assistance (协办), ratings, complaints, call-backs, supervision. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from libs.demand import AssistanceStatus, DemandState, FollowUp
from libs.events import DemandRated, DuplicateSuggested, Event, FollowUpRecorded
from services.tracker.console import times
from services.tracker.console.phrases import PHRASES, phrase
from services.tracker.console.speech import Speech
from services.tracker.trail import Trail

_TEXT_LIKE: Final = re.compile(r"text_(\d{1,3})")
_RUNNING: Final = (AssistanceStatus.REQUESTED, AssistanceStatus.ACCEPTED)


@dataclass(frozen=True, slots=True)
class Kin:
    """Another demand and what it is to this one."""

    demand: str
    told: Markup


@dataclass(frozen=True, slots=True)
class Help:
    """One assistance. `late`: its deadline passed."""

    node: str
    told: Markup
    late: bool


@dataclass(frozen=True, slots=True)
class Matters:
    """Everything around a demand; empty parts are not shown. `alike`: suggestions wait for a person to decide."""

    kin: tuple[Kin, ...]
    alike: bool
    join: Markup | None
    help: tuple[Help, ...]
    voice: tuple[Markup, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.kin or self.help or self.voice)


def matters(state: DemandState, trail: Trail, speech: Speech) -> Matters:
    """Gather what surrounds a demand."""
    lang = speech.say.lang
    alike = tuple(_alike(trail, speech)) if state.is_open else ()
    kin = (*_family(state, speech), *(one for one in alike if one.demand not in {*state.received, state.merged_into}))
    return Matters(
        kin=kin,
        alike=any(one in kin for one in alike),
        join=phrase(lang, f"kin_join_{state.join}") if state.join is not None else None,
        help=tuple(_help(state, speech)),
        voice=tuple(_voice(state, trail, speech)),
    )


def _family(state: DemandState, speech: Speech) -> Iterator[Kin]:
    lang = speech.say.lang
    if state.merged_into is not None:
        yield Kin(state.merged_into, phrase(lang, "kin_merged"))
    for demand in state.received:
        yield Kin(demand, phrase(lang, "kin_received"))
    if state.parent is not None:
        yield Kin(state.parent, phrase(lang, "kin_parent"))
    for part in state.parts:
        number = part_number(part.part)
        if part.ended is None:
            yield Kin(part.demand, phrase(lang, "kin_part", part=number))
        else:
            yield Kin(part.demand, phrase(lang, "kin_part_ended", part=number, status=speech.code("status", part.ended)))


def part_number(part: str) -> str:
    """The number of a part as people count: `p1` is 1."""
    return part.removeprefix("p")


def _alike(trail: Trail, speech: Speech) -> Iterator[Kin]:
    """Suggestions, the likeliest first, with the router's reasons in words."""
    lang = speech.say.lang
    found = [like for event in _events(trail) if isinstance(event, DuplicateSuggested) for like in event.suggestions]
    for like in sorted(found, key=lambda like: -like.score):
        reasons = speech.text("between_reasons").join(reason_words(reason, speech) for reason in like.reasons)
        yield Kin(like.demand, phrase(lang, "kin_like", reasons=reasons))


def reason_words(reason: str, speech: Speech) -> str:
    """Why two demands look alike: `text_87` is 内容相似 87%. An unknown reason stays as it is."""
    text = _TEXT_LIKE.fullmatch(reason)
    if text is not None:
        return str(phrase(speech.say.lang, "like_text", n=text[1]))
    known = f"like_{reason}" in PHRASES and reason != "text"
    return str(phrase(speech.say.lang, f"like_{reason}")) if known else reason


def _help(state: DemandState, speech: Speech) -> Iterator[Help]:
    lang, now = speech.say.lang, speech.now
    for one in state.assistances:
        told = phrase(lang, f"help_{one.status}", due=times.due(one.due, now, lang))
        late = one.status in _RUNNING and (one.missed or one.due <= now)
        yield Help(one.node, phrase(lang, "help_late", told=told) if late else told, late)


def _voice(state: DemandState, trail: Trail, speech: Speech) -> Iterator[Markup]:
    """What the enterprise and the supervisors had to say, newest facts last."""
    lang = speech.say.lang
    for event in _events(trail):
        if isinstance(event, DemandRated):
            yield phrase(lang, "after_rated", grade=speech.code("grade", event.grade))
        elif isinstance(event, FollowUpRecorded):
            told = phrase(lang, "after_follow_up_recorded", outcome=speech.code("follow_up_outcome", event.outcome))
            yield told + Markup(" · ") + phrase(lang, "after_mismatch") if event.mismatch else told
    for complaint in state.complaints:
        yield phrase(lang, f"after_complaint_{complaint.status}", node=speech.strong(complaint.node))
    if state.follow_up is FollowUp.ORDERED:
        yield phrase(lang, "after_follow_up_ordered")
    for supervision in state.supervisions:
        key = "after_supervision_closed" if supervision.closed else "after_supervision"
        yield phrase(lang, key, node=speech.strong(supervision.by))
    if state.escalation:
        yield phrase(lang, "after_escalated", level=state.escalation)


def _events(trail: Trail) -> Iterable[Event]:
    return (item.event for step in trail.commits for item in step.events)
