"""What the router tells its operators: decisions, parked demands, lag, partitions, timers, orphans. Labels are codes only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from libs.chassis.metrics import Metrics

_DECISION_BUCKETS: Final = (0.00005, 0.0001, 0.0002, 0.0004, 0.001, 0.0025, 0.01, 0.1)


class Meters:
    """The router's metrics in its app's registry. `owned` counts partitions at every scrape."""

    def __init__(self, metrics: Metrics, owned: Callable[[], float]) -> None:
        self.decisions = metrics.counter("router_decisions", "Assignments decided and committed.", ("path",))
        self.decision_seconds = metrics.histogram(
            "router_decision_seconds", "Time to classify and decide one demand, without input and output.", buckets=_DECISION_BUCKETS
        )
        self.parkings = metrics.counter("router_parkings", "Times a demand was set aside.", ("error",))
        self.parked = metrics.gauge("router_parked", "Demands that are set aside now.", labels=("cell",))
        self.faults = metrics.counter("router_faults", "Times reading a stream was interrupted.", ("cell", "error"))
        self.lag = metrics.gauge("lag", "Commits in the stream that the router has not handled yet.", labels=("cell",))
        metrics.gauge("router_partitions", "Partitions this router works on.", owned)
        self.timers_armed = metrics.counter("router_timers_armed", "Timers set or taken away.")
        self.timers_fired = metrics.counter("router_timers_fired", "Timers that fired and were handled here.")
        self.time_kept = metrics.counter("router_time_kept", "Commits because time passed or a node fell away.", ("command",))
        self.swept = metrics.counter("router_swept", "Demands looked at because their timer did not come.")
        self.compared = metrics.counter("router_compared", "Demands compared with others of the same enterprise.")
        self.orphans = metrics.gauge(
            "orphans", "Demands that the check found without what every open demand has.", labels=("network", "kind")
        )
