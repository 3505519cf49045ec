"""A demand for tests of the router's shell. Situations of the whole life: tests/unit/demand/situations.py. Fictitious."""

from __future__ import annotations

from libs.events import DemandSubmitted, Sealed

HUB = "hub-0"


def sealed(text: str = "c2FtcGxl") -> Sealed:
    """Some ciphertext; nobody opens it here."""
    return Sealed(k="key-1", a="AES-256-GCM", n="AAAAAAAAAAAAAAAA", c=text)


def submitted(category: str | None = "quality", region: str = "330203001", carrier: str | None = None) -> DemandSubmitted:
    """An enterprise asked."""
    return DemandSubmitted(
        network="testnet",
        channel="partner",
        category=category,
        region=region,
        carrier=carrier,
        urgency="normal",
        party="partner-1",
        enterprise="ent-1",
        desk=HUB,
        sample=True,
        title=sealed(),
        description=sealed(),
        requester=sealed(),
    )
