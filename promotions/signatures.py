"""How a webhook is signed: Standard Webhooks (standardwebhooks.com), symmetric, v1."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping

PREFIX = "whsec_"
BYTES = 32


def secret(noise: bytes) -> str:
    """Return noise, 24 to 64 bytes of it, as a secret."""
    return PREFIX + base64.b64encode(noise).decode()


def headers(
    secrets: Iterable[str], *, id_: str, seconds: int, body: bytes
) -> Mapping[str, str]:
    """Return a message's headers; each of the secrets signs it.

    :raises binascii.Error: a secret is none.
    """
    content = f"{id_}.{seconds}.".encode() + body
    signed = [f"v1,{_signature(one, content)}" for one in secrets]
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(signed),
    }


def _signature(secret: str, content: bytes) -> str:
    try:
        # validate: without it b64decode drops strange
        # letters, and signs with another key.
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError as error:
        raise binascii.Error("not a secret") from error
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
