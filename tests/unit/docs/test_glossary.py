"""The glossary and the console use the same words."""

from __future__ import annotations

import pytest

from services.tracker.console.codewords import CODES
from tests.unit.house.sources import ROOT

GLOSSARY = (ROOT / "docs" / "glossary.md").read_text("utf-8")


@pytest.mark.parametrize("kind", ["status", "category", "return_reason", "result", "role"])
def test_the_words_of_the_console_stand_in_the_glossary(kind: str) -> None:
    missing = [f"| `{code}` | {zh} | {en} |" for code, (zh, en) in CODES[kind].items() if f"| `{code}` | {zh} | {en} |" not in GLOSSARY]
    assert not missing, "docs/glossary.md lacks:\n" + "\n".join(missing)


@pytest.mark.parametrize("term", ["诉求", "派单", "节点", "枢纽", "窗口", "专业性服务子平台", "服务机构", "签收", "退回", "企业"])
def test_the_names_everybody_uses_are_explained(term: str) -> None:
    assert f"| {term}" in GLOSSARY
