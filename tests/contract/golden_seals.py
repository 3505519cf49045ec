"""Where golden commits take place, and real ciphertexts at their true places under sample keys."""

from __future__ import annotations

from libs.events import Event, Sealed
from libs.events.algorithms import KEY_BYTES, CipherName, digest, place, seal

DEMAND = "ningbo-t1-0123456789abcdef"
NODE = "nb-window-sample"
KEYS: dict[CipherName, bytes] = {name: bytes(range(size)) for name, size in KEY_BYTES.items()}  # type: ignore[misc]


def sealed(event: type[Event], field: str, text: str, algorithm: CipherName = "AES-256-GCM") -> Sealed:
    """A real ciphertext under the sample key of its algorithm, at its true place."""
    aad = place(DEMAND, command_id(event), field)
    return seal(text.encode(), key=KEYS[algorithm], key_id="key-sample", nonce=bytes(range(12)), aad=aad, algorithm=algorithm)


def command_id(event: type[Event]) -> str:
    """The command id of the golden commit of an event type."""
    return digest(event.name().encode()).partition(":")[2][:32]
