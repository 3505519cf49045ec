"""The frozen base of all facts, and the scalar types they share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1, max_length=400, strip_whitespace=True)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{3,40}$")]
"""Node and carrier ids: safe as one token of a NATS subject."""
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
RegionCode = Annotated[str, StringConstraints(pattern=r"^\d{6}(\d{3})?$")]
Share = Annotated[int, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Fee = Literal["welfare", "low_fee", "market"]
Status = Literal["active", "suspended", "closed"]
Step = Literal["carrier", "township", "industry", "county", "city"]
PredicateName = Literal["assignable", "covers_territory", "offers_category", "in_force", "active", "not_returned", "under_capacity"]
CodeListName = Literal["channels", "urgency", "return_reasons", "resolve_results", "industries"]


class Fact(BaseModel):
    """A frozen value that refuses unknown members."""

    model_config = ConfigDict(frozen=True, extra="forbid")
