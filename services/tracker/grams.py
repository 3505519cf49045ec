"""The search index over titles and names: bigrams of Chinese runs, whole words of everything else. Pure.

No server-side dictionary takes part, so that every PostgreSQL gives the same answers.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LONGEST: Final = 60
MOST: Final = 400
_CHARACTERS: Final = r"\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HAN: Final = re.compile(f"[{_CHARACTERS}]")
_RUN: Final = re.compile(rf"[{_CHARACTERS}]+|(?:(?![{_CHARACTERS}])[^\W_])+")


def folded(text: str) -> str:
    """Fold full and half width and case: `ＡＢＣ公司` and `abc公司` are the same."""
    return unicodedata.normalize("NFKC", text).casefold()


def grams(*texts: str) -> list[str]:
    """Return the sorted lexemes of the texts: every bigram and last character of a Chinese run, every other word."""
    found: set[str] = set()
    for text in texts:
        for run in _runs(text):
            if _HAN.match(run):
                found.update(run[i : i + 2] for i in range(len(run)))
            else:
                found.add(run[:LONGEST])
    return sorted(found)[:MOST]


def query(text: str) -> str | None:
    """Return the text of a tsquery that finds what contains every run of `text`; None if nothing in it can be searched.

    A single Chinese character and the words of other scripts match as prefixes.
    """
    terms: dict[str, None] = {}
    for run in _runs(text):
        if not _HAN.match(run):
            terms[_quoted(run[:LONGEST]) + ":*"] = None
        elif len(run) == 1:
            terms[_quoted(run) + ":*"] = None
        else:
            terms.update((_quoted(run[i : i + 2]), None) for i in range(len(run) - 1))
    return " & ".join(terms) or None


def _runs(text: str) -> list[str]:
    return _RUN.findall(folded(text))


def _quoted(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
