"""Named algorithms: every digest and ciphertext says how it was made, so that a network may use SM3 and SM4.

Digests are `<name>:<hex>`; ciphertexts are `{k, a, n, c}`: key id, algorithm, nonce and ciphertext with tag (base64url).
Nonces come from the caller: randomness enters from outside.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from functools import lru_cache
from typing import Final, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from pydantic import BaseModel, ConfigDict

from libs.events.errors import Corrupt

DigestName = Literal["sha256", "sm3"]
CipherName = Literal["AES-256-GCM", "SM4-GCM"]
KEY_BYTES: Final[dict[str, int]] = {"AES-256-GCM": 32, "SM4-GCM": 16}
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16


class Sealed(BaseModel):
    """A ciphertext that names its key and algorithm. `c` ends with the 16-byte tag."""

    model_config = ConfigDict(frozen=True)

    k: str
    a: CipherName
    n: str
    c: str


def digest(data: bytes, name: DigestName = "sha256") -> str:
    """Hash bytes and name the algorithm: `sha256:<64 hex>` or `sm3:<64 hex>` (GB/T 32905)."""
    if name == "sha256":
        return "sha256:" + hashlib.sha256(data).hexdigest()
    hasher = hashes.Hash(hashes.SM3())
    hasher.update(data)
    return "sm3:" + hasher.finalize().hex()


def digest_name(named: str) -> DigestName:
    """Return the algorithm of a named digest. Raises Corrupt for an unknown one."""
    name = named.partition(":")[0]
    if name == "sha256":
        return "sha256"
    if name == "sm3":
        return "sm3"
    raise Corrupt(f"unknown digest algorithm {name!r}")


def matches(data: bytes, named: str) -> bool:
    """Tell whether `data` has the named digest, in constant time."""
    return hmac.compare_digest(digest(data, digest_name(named)), named)


def mac(key: bytes, data: bytes, name: DigestName = "sha256") -> str:
    """Keyed digest (RFC 2104): `hmac-sha256:<hex>` or `hmac-sm3:<hex>`."""
    if name == "sha256":
        return "hmac-sha256:" + hmac.digest(key, data, "sha256").hex()
    from cryptography.hazmat.primitives.hmac import HMAC

    hasher = HMAC(key, hashes.SM3())
    hasher.update(data)
    return "hmac-sm3:" + hasher.finalize().hex()


def seal(plaintext: bytes, *, key: bytes, key_id: str, nonce: bytes, aad: bytes, algorithm: CipherName = "AES-256-GCM") -> Sealed:
    """Encrypt and authenticate (NIST SP 800-38D; SM4: GB/T 32907). `key` is 32 bytes for AES-256-GCM, 16 for SM4-GCM."""
    ciphertext = seal_bytes(plaintext, key=key, nonce=nonce, aad=aad, algorithm=algorithm)
    return Sealed(k=key_id, a=algorithm, n=_b64(nonce), c=_b64(ciphertext))


def unseal(sealed: Sealed, *, key: bytes, aad: bytes) -> bytes:
    """Decrypt and verify. Raises Corrupt when the key, the place (`aad`) or a byte is wrong."""
    try:
        nonce, ciphertext = _unb64(sealed.n), _unb64(sealed.c)
    except ValueError as error:
        raise Corrupt("ciphertext does not verify") from error
    return unseal_bytes(ciphertext, key=key, nonce=nonce, aad=aad, algorithm=sealed.a)


def seal_bytes(plaintext: bytes, *, key: bytes, nonce: bytes, aad: bytes, algorithm: CipherName = "AES-256-GCM") -> bytes:
    """Encrypt what is too large for JSON: ciphertext ending with the 16-byte tag; key id, algorithm and nonce are the caller's to keep."""
    if algorithm == "AES-256-GCM":
        return _aes_gcm(key).encrypt(nonce, plaintext, aad)
    encryptor = Cipher(SM4(key), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(aad)
    return encryptor.update(plaintext) + encryptor.finalize() + encryptor.tag


def unseal_bytes(ciphertext: bytes, *, key: bytes, nonce: bytes, aad: bytes, algorithm: CipherName = "AES-256-GCM") -> bytes:
    """Decrypt and verify ciphertext with tag. Raises Corrupt when key, nonce, place (`aad`) or a byte is wrong."""
    try:
        if algorithm == "AES-256-GCM":
            return _aes_gcm(key).decrypt(nonce, ciphertext, aad)
        decryptor = Cipher(SM4(key), modes.GCM(nonce, ciphertext[-TAG_BYTES:])).decryptor()
        decryptor.authenticate_additional_data(aad)
        return decryptor.update(ciphertext[:-TAG_BYTES]) + decryptor.finalize()
    except (InvalidTag, ValueError) as error:
        raise Corrupt("ciphertext does not verify") from error


@lru_cache(maxsize=32)
def _aes_gcm(key: bytes) -> AESGCM:
    """The fields of one commit share a key; setting it up costs as much as encrypting a line."""
    return AESGCM(key)


def place(demand: str, command_id: str, field: str) -> bytes:
    """Additional data that ties a ciphertext to its demand, commit and field."""
    return f"{demand}|{command_id}|{field}".encode()


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
