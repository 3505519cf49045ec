"""What the bodies of requests are made of in every service: the frozen shape that refuses unknown members, and texts of known form."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Code = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[0-9A-Za-z_\-一-鿿]+$")]
"""A code of a list, or the word a partner has for it."""
NodeCode = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[a-z0-9][a-z0-9-]*$")]
FileId = Annotated[str, StringConstraints(min_length=3, max_length=40, pattern=r"^f-[0-9a-z]+$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=120, strip_whitespace=True)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=5_000, strip_whitespace=True)]


class Strict(BaseModel):
    """Unknown members are a mistake of the sender, so they are refused rather than dropped."""

    model_config = ConfigDict(extra="forbid", frozen=True)
