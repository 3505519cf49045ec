"""Events under construction: later parts of one decision see what the earlier ones have changed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from libs.demand.deadlines import Timing, after_pause, promised_again, resolution
from libs.demand.evolve import evolve
from libs.demand.state import PAUSED, DemandState
from libs.events import DeadlinesSet, DemandEvent, DemandReopened, DemandResumed, Sealed
from libs.events.closing import ReopenCause
from libs.events.handling import ResumeCause

Events = Sequence[DemandEvent]


class Draft:
    """What one command leads to. `state` is the state after all events so far."""

    def __init__(self, state: DemandState, timing: Timing) -> None:
        self.state = state
        self.timing = timing
        self.at: datetime = timing.at(state)
        self.events: list[DemandEvent] = []

    def add(self, *events: DemandEvent) -> Draft:
        """Append events and fold them."""
        for event in events:
            self.events.append(event)
            self.state = evolve(self.state, event, version=0, at=self.at)
        return self

    def resume(self, cause: ResumeCause) -> Draft:
        """End a pause, if there is one, and move the net deadlines by what it took."""
        if self.state.status in PAUSED:
            seconds, moved = after_pause(self.state, self.timing)
            self.add(DemandResumed(cause=cause, paused_seconds=seconds))
            if moved:
                # The same promises under the same pack, only later; a pack that applies to open demands comes on top of it.
                self.add(DeadlinesSet(clocks=self.state.clocks or self.timing.clocks.label, deadlines=moved))
            self.promise_again()
        return self

    def promise_again(self) -> Draft:
        """Promise what a new clock pack says, if it applies to open demands and has not been applied to this one."""
        again = promised_again(self.state, self.timing)
        return self if again is None else self.add(again)

    def reopen(self, cause: ReopenCause, *, same_node: bool, by: str | None = None, note: Sealed | None = None) -> Draft:
        """Have it handled again, with a new promise to resolve counted from now. The demand clock has never stopped."""
        assignment = self.state.resolved_assignment if same_node else None
        self.add(DemandReopened(cause=cause, assignment=assignment, by=by, note=note))
        return self.add(self.timing.set(resolution(self.state, self.timing, self.at, self.state.category)))

    def open_reopening_term(self) -> Draft:
        """Promise until when the enterprise may have an ended demand handled again."""
        return self.add(self.timing.set({"reopen": self.timing.after(self.at, self.timing.clocks.rules.reopen)}))

    def done(self) -> Events:
        """All events."""
        return tuple(self.events)
