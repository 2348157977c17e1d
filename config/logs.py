"""What the platform's logs leave out."""

import logging
import re

CUSTOMER = re.compile(r"(/customers/|/calendar/)[^/\s]+")


class WithoutIds(logging.Filter):
    """Takes ids of customers, and keys, out of addresses: a log outlives an erasure."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = CUSTOMER.sub(r"\1…", record.getMessage())
        # getMessage has put them in; a handler would do so once more.
        record.args = None
        return True
