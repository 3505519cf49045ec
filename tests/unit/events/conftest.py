"""The counter's event becomes part of the language while these tests run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from libs.events.codec import TYPES
from tests.unit.events.counter import Counted


@pytest.fixture(autouse=True, scope="module")
def _language() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TYPES, "Counted", Counted)  # type: ignore[arg-type]
        yield
