"""What templates say with: one language, the network's titles and one moment. Built per request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup, escape

from services.tracker.console import times
from services.tracker.console.source import Names, NodeCard
from services.tracker.console.wording import Say
from services.tracker.sentences import span_words


@dataclass(frozen=True, slots=True)
class Speech:
    """Words, titles and times in one language at one moment. Codes the directory does not know stay as they are."""

    say: Say
    names: Names
    network: str
    now: datetime

    def text(self, key: str, **places: object) -> Markup:
        """A text of the console with its places filled."""
        return self.say.text(key, **places)

    def code(self, kind: str, code: str) -> str:
        """A code of the language in words."""
        return self.say.code(kind, code)

    def title(self, kind: str, code: str) -> str:
        """The network's own title of a code, else the console's word, else the code."""
        return self.names.title(self.network, kind, code, self.say.lang) or self.say.code(kind, code)

    def node(self, node: str) -> NodeCard:
        """A node as people know it, or the enterprise, a former system, the bureau; an unknown one by its id."""
        found = self.names.node(self.network, node, self.say.lang)
        return found or NodeCard(node, self.code("holder", node), "", None, False)

    def strong(self, node: str) -> Markup:
        """A node's title as the subject of a sentence."""
        return Markup("<b>{}</b>").format(self.node(node).title)

    def spoken(self, at: datetime) -> str:
        """今天 9:04."""
        return times.spoken(at, self.now, self.say.lang)

    def due(self, at: datetime) -> str:
        """明天 17:30, 11月27日（周五）17:30."""
        return times.due(at, self.now, self.say.lang)

    def full(self, at: datetime) -> str:
        """The whole instant."""
        return times.full(at, self.say.lang)

    def iso(self, at: datetime) -> str:
        """The instant for machines, on the network's clock."""
        return times.local(at).isoformat(timespec="seconds")

    def since(self, at: datetime) -> str:
        """How long ago, as a duration."""
        return self.duration(self.now - at)

    def duration(self, length: timedelta) -> str:
        """2 天 3 小时."""
        return times.duration(max(length, timedelta()), self.say.lang)

    def span(self, span: str) -> str:
        """5 个工作日."""
        return span_words(span, self.say.lang)

    def coded(self, kind: str, code: str) -> Markup:
        """A code in words with the code itself in brackets, for partners who need it."""
        words = self.code(kind, code)
        beside = Markup('<span class="code">{}</span>').format(code)
        return escape(words) if words == code else self.text("in_brackets", words=words, beside=beside)
