"""Classify a demand's text by the weighted terms of the category definitions (研判): explainable rules, no model, no guess.

Pure. A text is folded (full width, case, the traditional characters that occur in terms) and scanned once; at one place the
longest term counts, each term counts once, in the title double. The winner is told only if it reaches the policy's minimum
score and margin; otherwise a person at the hub's desk decides (requirements N11).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from libs.directory.model import Taxonomy
from libs.directory.policy import ClassificationRule
from libs.events import Classification, TermMatch

MOST_EVIDENCE: Final = 24
"""Terms quoted as evidence, strongest first; scores count all of them."""

_SHORTEST: Final = 2
_TRADITIONAL: Final = (
    "質质檢检測测認认證证體体產产業业術术創创發发專专標标準准護护權权識识請请資资貸贷補补貼贴稅税務务財财經经營营銷销場场廣广會会參参"
    "覽览單单訂订貿贸進进關关報报運运電电網网數数據据雲云軟软開开統统訊讯機机設设備备訓训員员講讲課课師师職职稱称鑑鉴鑒鉴節节減减環环"
    "氣气廢废處处熱热壓压鑄铸塗涂層层樣样試试驗验實实論论園园廠厂動动勞劳險险價价額额賬账帳账債债項项範范規规則则諮咨詢询導导輔辅問问"
    "題题對对應应係系構构學学習习辦办執执註注冊册戶户團团隊队籌筹啟启劃划戰战績绩現现鏈链庫库倉仓儲储艙舱貨货櫃柜聯联獎奖圖图藝艺"
    "鄉乡種种輪轮顧顾飾饰觀观徑径損损傷伤屬属組组織织與与為为幫帮聽听誰谁還还們们這这個个嗎吗"
)
_SIMPLER: Final = {ord(old): new for old, new in zip(_TRADITIONAL[::2], _TRADITIONAL[1::2], strict=True)}
_FOLDED: Final = {0xFEE0 + code: chr(code) for code in range(0x21, 0x7F)} | _SIMPLER
# Most texts need no folding, and looking is ten times cheaper than translating. Full-width punctuation does not count: no term has any.
_UNUSUAL: Final = re.compile("[０-９Ａ-Ｚａ-ｚ" + "".join(map(chr, _SIMPLER)) + "]")


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a term stands for in one category: its code and weight there."""

    category: str
    code: str
    weight: int


@dataclass(frozen=True, slots=True)
class _Lexicon:
    """A taxonomy's phrases by their first two characters, longest first; `starts` finds the places worth a look-up."""

    starts: re.Pattern[str]
    terms: dict[str, tuple[tuple[str, tuple[_Meaning, ...]], ...]]
    excludes: tuple[tuple[str, str], ...]
    categories: tuple[str, ...]


def fold(text: str) -> str:
    """Fold full width to half width, upper to lower case and traditional characters to simplified ones."""
    return (text.translate(_FOLDED) if _UNUSUAL.search(text) else text).lower()


def classify(title: str, description: str, taxonomy: Taxonomy, rule: ClassificationRule) -> Classification:
    """Score every category. `category` is None unless the best reaches the rule's minimum score and margin.

    Evidence quotes terms as `<category>:<place in the taxonomy's list>` with the points they gave, never the text.
    """
    lexicon = _lexicon(_Identity(taxonomy))
    points: dict[str, int] = {}
    scores = dict.fromkeys(lexicon.categories, 0)
    for text, factor in ((title, 2), (description, 1)):
        for meaning in _scan(fold(text), lexicon):
            if meaning.code not in points:
                points[meaning.code] = meaning.weight * factor
                scores[meaning.category] += meaning.weight * factor
    strongest = sorted(points.items(), key=lambda match: (-match[1], match[0]))[:MOST_EVIDENCE]
    return Classification(
        category=winner(scores, rule),
        taxonomy=str(taxonomy.version),
        scores={category: score for category, score in scores.items() if score},
        evidence=tuple(TermMatch(term=term, weight=weight) for term, weight in strongest),
    )


def winner(scores: Mapping[str, int], rule: ClassificationRule) -> str | None:
    """Return the category whose score is clear enough under a rule, None if a person must decide."""
    ranked = sorted(((-score, category) for category, score in scores.items()))
    if not ranked or -ranked[0][0] < rule.minimum_score:
        return None
    second = -ranked[1][0] if len(ranked) > 1 else 0
    return ranked[0][1] if -ranked[0][0] - second >= rule.minimum_margin else None


def _scan(text: str, lexicon: _Lexicon) -> Iterator[_Meaning]:
    blanked = _blanked(text, lexicon)
    buckets, free = lexicon.terms, 0
    for start in lexicon.starts.finditer(text):
        place = start.start()
        if place < free:
            continue
        for term, meanings in buckets.get(text[place : place + _SHORTEST], ()):
            if text.startswith(term, place) and _stands_alone(text, place, term):
                free = place + len(term)
                for meaning in meanings:
                    if not blanked or not any(first < free and place < last for first, last in blanked.get(meaning.category, ())):
                        yield meaning
                break


def _blanked(text: str, lexicon: _Lexicon) -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = {}
    for phrase, category in lexicon.excludes:
        start = text.find(phrase)
        while start >= 0:
            found.setdefault(category, []).append((start, start + len(phrase)))
            start = text.find(phrase, start + 1)
    return found


def _stands_alone(text: str, place: int, term: str) -> bool:
    """Latin terms must not be cut out of longer words or numbers: `mes` is not in `times`, but `iso` is in `iso14001`."""
    if not term.isascii():
        return True
    end = place + len(term)
    before, after = text[place - 1 : place], text[end : end + 1]
    return not _same_word(before, term[0]) and not _same_word(term[-1], after)


def _same_word(left: str, right: str) -> bool:
    if not (left.isascii() and right.isascii()):
        return False
    return (left.isalpha() and right.isalpha()) or (left.isdigit() and right.isdigit())


@dataclass(frozen=True, slots=True, eq=False)
class _Identity:
    """A taxonomy compared by identity: hashing one by value would cost more than the classification."""

    taxonomy: Taxonomy

    def __hash__(self) -> int:
        return id(self.taxonomy)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other.taxonomy is self.taxonomy


@lru_cache(maxsize=8)
def _lexicon(identity: _Identity) -> _Lexicon:
    meanings: defaultdict[str, list[_Meaning]] = defaultdict(list)
    for category in identity.taxonomy.categories:
        for place, term in enumerate(category.terms):
            meanings[fold(term.term)].append(_Meaning(category.code, f"{category.code}:{place}", term.weight))
    buckets: defaultdict[str, list[tuple[str, tuple[_Meaning, ...]]]] = defaultdict(list)
    # The longest first; a term of one character would speak for too much and is not looked for.
    for phrase in sorted(filter(lambda phrase: len(phrase) >= _SHORTEST, meanings), key=lambda phrase: (-len(phrase), phrase)):
        buckets[phrase[:_SHORTEST]].append((phrase, tuple(meanings[phrase])))
    first, second = ("".join(sorted({start[place] for start in buckets})) for place in (0, 1))
    return _Lexicon(
        re.compile(f"[{re.escape(first)}](?=[{re.escape(second)}])"),
        {start: tuple(bucket) for start, bucket in buckets.items()},
        tuple((fold(phrase), category.code) for category in identity.taxonomy.categories for phrase in category.exclude),
        tuple(category.code for category in identity.taxonomy.categories),
    )
