"""What a person reads of a page."""

import re
from html import unescape
from typing import Any


def text(answer: Any) -> str:
    assert answer.status_code == 200
    bare = re.sub(
        r"<(style|script).*?</\1>|<[^>]+>", " ", answer.content.decode(), flags=re.S
    )
    return re.sub(r"\s+", " ", unescape(bare))
