"""The tracker's own metrics: lag, parked demands, projected commits, faults."""

from __future__ import annotations

from prometheus_client import Counter

from libs.chassis.metrics import Metrics


class TrackerMetrics:
    """Gauges and counters per cell. `lag` is how many commits of a stream are not archived yet."""

    def __init__(self, metrics: Metrics) -> None:
        self._lag = metrics.gauge("lag", "Commits of the stream that are not projected yet.", labels=("cell",))
        self._parked = metrics.gauge("parked", "Demands that wait because a commit of theirs could not be projected.", labels=("cell",))
        self._archived = metrics.counter("commits_archived", "Commits archived.", ("cell",))
        self._projected = metrics.counter("commits_projected", "Commits projected into the views.", ("cell",))
        self._faults = metrics.counter("reading_faults", "Interruptions of reading a stream.", ("cell", "fault"))
        self._stopped = metrics.gauge("cell_stopped", "1 if a cell stands still and an operator is needed.", labels=("cell",))
        self._seconds = metrics.histogram("batch_seconds", "Duration of one projected batch.", ("cell",))
        self._heads: dict[str, int] = {}
        self._places: dict[str, int] = {}

    def projected(self, cell: str, archived: int, projected: int, seconds: float) -> None:
        """One batch stands."""
        self._count(self._archived, cell, archived)
        self._count(self._projected, cell, projected)
        self._seconds.labels(cell).observe(seconds)

    def position(self, cell: str, seq: int, parked: int) -> None:
        """The cell is projected up to here."""
        self._places[cell] = seq
        self._parked.labels(cell).set(parked)
        self._measure(cell)

    def head(self, cell: str, seq: int) -> None:
        """The stream stands here."""
        self._heads[cell] = seq
        self._measure(cell)

    def fault(self, cell: str, fault: str) -> None:
        """Reading was interrupted."""
        self._faults.labels(cell, fault).inc()

    def stopped(self, cell: str, still: bool) -> None:
        """The cell stands still, or goes on."""
        self._stopped.labels(cell).set(int(still))

    def _measure(self, cell: str) -> None:
        self._lag.labels(cell).set(max(0, self._heads.get(cell, 0) - self._places.get(cell, 0)))

    def _count(self, counter: Counter, cell: str, number: int) -> None:
        counter.labels(cell).inc(number)
