"""Say an answer in smoother words, by a language model that the shop runs itself.

Off by default (ASSISTANT_MODEL_URL). The model is given the answer alone: no question,
no customer, no history, so that nobody can instruct it. What it returns is served only
if it says the same (promotions.faithful); if it lies, is late or is not there, the
answer goes out as it is.
"""

import json
import logging
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from django.conf import settings

from promotions.faithful import faithful

MOST_BYTES = 64 * 1024
LONGEST = 2000
TASK = (
    "Rewrite the shop's answer below in friendlier words, in the same language. Keep "
    "every number, date, amount, code, name and quotation exactly, in the same order. "
    "Add nothing, leave nothing out, promise nothing. Return the rewritten text alone."
)
FAILS = (OSError, HTTPException, ValueError, KeyError, IndexError, TypeError)
log = logging.getLogger(__name__)


class Late(OSError):
    """The model took too long."""


def rephrased(text: str) -> str | None:
    """Return an answer in other words that say the same; None to leave it as it is."""
    if not settings.ASSISTANT_MODEL_URL or not text or len(text) > LONGEST:
        return None
    try:
        other = _asked(text)
    except FAILS as error:
        log.warning("the language model gave no answer: %s", type(error).__name__)
        return None
    if other == text or not faithful(text, other):
        log.info("the language model's words were not used")
        return None
    return other


def _asked(text: str) -> str:
    """Ask the model, within ASSISTANT_MODEL_SECONDS in all, however slowly it drips."""
    until = time.monotonic() + settings.ASSISTANT_MODEL_SECONDS
    to = urlsplit(settings.ASSISTANT_MODEL_URL)
    kind = HTTPSConnection if to.scheme == "https" else HTTPConnection
    # The timeout is for each wait; `until` bounds all of them together.
    link = kind(
        to.hostname or "", to.port, timeout=max(0.05, settings.ASSISTANT_MODEL_SECONDS)
    )
    try:
        path = to.path.rstrip("/") + "/chat/completions"
        link.request("POST", path, _body(text), _headers())
        socket = link.sock
        answer = link.getresponse()
        if answer.status != 200:
            raise ValueError(f"status {answer.status}")
        read = b""
        # `read1` returns what is there, so that time is looked at between drips.
        while piece := answer.read1(4096):
            read += piece
            left = until - time.monotonic()
            if left <= 0 or len(read) > MOST_BYTES:
                raise Late
            if socket:
                socket.settimeout(left)
    finally:
        link.close()
    said = json.loads(read)["choices"][0]["message"]["content"]
    if not isinstance(said, str):
        raise TypeError("no text")
    return said.strip()


def _body(text: str) -> bytes:
    messages = [
        {"role": "system", "content": TASK},
        {"role": "user", "content": text},
    ]
    body = {
        "model": settings.ASSISTANT_MODEL,
        "messages": messages,
        "temperature": 0.2,
        "max_tokens": 1000,
    }
    return json.dumps(body, ensure_ascii=False).encode()


def _headers() -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    if settings.ASSISTANT_MODEL_KEY:
        headers["Authorization"] = f"Bearer {settings.ASSISTANT_MODEL_KEY}"
    return headers
