"""Ask this container's web server whether it lives; the exit code is the answer.

Django answers only to ALLOWED_HOSTS, so the question goes by the first of them.
"""

import os
from urllib.request import Request, urlopen

first = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".")
host = "localhost" if first in ("", "*") else first
urlopen(Request("http://127.0.0.1:8000/healthz", headers={"Host": host}), timeout=4)
