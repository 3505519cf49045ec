"""Do two demands ask the same? Text likeness, and which older demands of an enterprise to show to the person who decides. Pure.

Texts are compared as sets of bigrams of Chinese runs and whole words of everything else, politeness left out, what a title says counted
double. Likeness is the mean of two measures: the common part against everything said (Jaccard), and against what the shorter one said,
because whoever asks again by telephone says less. Sets, not multisets: a repeated word says nothing new, and on the sample pairs of the
test multisets tell pairs that ask the same from pairs that only sound alike less well. Numbers and names of standards are words of
weight, since ISO 9001 and ISO 14001 differ in little else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.router.classify import fold

MOST_SUGGESTED: Final = 5
SAME_CATEGORY: Final = 10
OTHER_PARTNER: Final = 5
"""Added to the likeness: asked in one category, and asked through two partners, who do not see each other's demands."""

_WORD_WEIGHT: Final = 3
_TITLE_FACTOR: Final = 2
_SUBSTANCE: Final = 12
"""Least weight that counts as having said something; below it two texts agree by chance."""

_POLITE: Final = re.compile(
    "想了解|想咨询|想参加|请问|咨询|来电|反映|希望|我们|他们|公司|企业|需要|推荐|安排|申请|怎么办|怎么|如何|哪里|有没有|能否|能不能|可以|是否|要求|办理|"
    "问题|电话|询问|你好|您好|一下|想做|想找|想请|想要|请给|提供|样例|诉求|有关|关于|相关|目前|今年|知道|告知|帮忙|麻烦|谢谢|再次"
)
_HAN: Final = r"\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_RUN: Final = re.compile(rf"(?P<han>[{_HAN}]+)|(?:(?![{_HAN}])[^\W_])+")


@dataclass(frozen=True, slots=True)
class Texts:
    """What a demand says."""

    title: str
    description: str


@dataclass(frozen=True, slots=True)
class DuplicateSubject:
    """What is compared of a demand. `enterprise` is its pseudonym, `party` who submitted it."""

    demand: str
    submitted_at: datetime
    enterprise: str
    category: str | None
    party: str
    texts: Texts


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An older demand that may be the same: score 0..100 and why.

    Reasons: same_enterprise, other_partner, same_category, text_NN (NN: likeness of the texts in percent).
    """

    demand: str
    score: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Said:
    """What a demand said: every bigram and word with its weight, and which of them the title has."""

    weights: Mapping[str, int]
    titled: Set[str]

    @property
    def substance(self) -> int:
        """How much was said in all."""
        return sum(weight * (_TITLE_FACTOR if term in self.titled else 1) for term, weight in self.weights.items())


def likeness(a: Texts, b: Texts) -> int:
    """How far two texts say the same: 0 (nothing in common) to 100 (the same). Symmetric; texts of a few words are not alike by chance."""
    if _folded(a.title) == _folded(b.title) and _folded(a.description) == _folded(b.description):
        return 100
    return _compared(_said(a), _said(b))


def suggest(subject: DuplicateSubject, others: Sequence[DuplicateSubject], *, minimum: int) -> tuple[Suggestion, ...]:
    """Older demands of the same enterprise that reach `minimum` (0..100), best first, at most five.

    The score is the likeness, raised by 10 in the same category and by 5 when asked through another party. Demands that say next to nothing
    are not suggested and get no suggestions, however equal. Equal scores: the oldest first, then by demand id.
    """
    said = _said(subject.texts)
    if said.substance < _SUBSTANCE:
        return ()
    found = [
        (other.submitted_at, suggestion)
        for other in others
        if other.enterprise == subject.enterprise and (other.submitted_at, other.demand) < (subject.submitted_at, subject.demand)
        for suggestion in _weighed(subject, said, other)
        if suggestion.score >= minimum
    ]
    found.sort(key=lambda one: (-one[1].score, one[0], one[1].demand))
    return tuple(suggestion for _, suggestion in found[:MOST_SUGGESTED])


def _weighed(subject: DuplicateSubject, said: _Said, other: DuplicateSubject) -> tuple[Suggestion, ...]:
    there = _said(other.texts)
    if there.substance < _SUBSTANCE:
        return ()
    percent = _compared(said, there)
    reasons, score = ["same_enterprise"], percent
    if other.party != subject.party:
        reasons.append("other_partner")
        score += OTHER_PARTNER
    if other.category is not None and other.category == subject.category:
        reasons.append("same_category")
        score += SAME_CATEGORY
    return (Suggestion(other.demand, min(score, 100), (*reasons, f"text_{percent}")),) if percent else ()


def _compared(a: _Said, b: _Said) -> int:
    """The mean of Jaccard's measure and of the part of the smaller text that is common, as a percentage, rounded down."""
    titled = a.titled | b.titled
    one, other = ({term: weight * (_TITLE_FACTOR if term in titled else 1) for term, weight in said.weights.items()} for said in (a, b))
    common = sum(weight for term, weight in one.items() if term in other)
    everything, least = sum(one.values()) + sum(other.values()) - common, min(sum(one.values()), sum(other.values()))
    return 50 * common // max(everything, _SUBSTANCE) + 50 * common // max(least, _SUBSTANCE)


def _said(texts: Texts) -> _Said:
    title, description = _terms(texts.title), _terms(texts.description)
    return _Said({**title, **description}, title.keys())


def _terms(text: str) -> dict[str, int]:
    """Bigrams of Chinese runs weigh one; other words are kept whole and weigh three, single letters and digits one."""
    terms: dict[str, int] = {}
    for run in _RUN.finditer(_POLITE.sub(" ", _folded(text))):
        word = run[0]
        if run["han"] is None:
            terms[word] = _WORD_WEIGHT if len(word) > 1 else 1
        else:
            terms.update((word[start : start + 2], 1) for start in range(len(word) - 1))
    return terms


def _folded(text: str) -> str:
    """Width, case, and the traditional characters the network's texts use."""
    return fold(unicodedata.normalize("NFKC", text)).casefold()
