"""Ask this container's web server whether it lives; the exit code is the answer."""

from urllib.request import urlopen

urlopen("http://127.0.0.1:8000/healthz", timeout=4)
