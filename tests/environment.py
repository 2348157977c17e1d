"""A pytest plugin, loaded before Django's settings: the tests get servers of their own.

PostgreSQL and Valkey run under a new folder, without fsync, and never under var/. When
the folder goes, the keeper stops them.
"""

import os
import shutil
import tempfile
from pathlib import Path

FOLDER = Path(tempfile.mkdtemp(prefix="proffer-tests-"))
FOLDER.chmod(0o755)  # PostgreSQL runs as another user when the tests run as root
os.environ["PROFFER_VAR"] = str(FOLDER)
os.environ["PROFFER_TEST"] = "1"
os.environ.setdefault("DEBUG", "true")


def pytest_configure() -> None:
    from config import celery, services

    services.attach()
    celery.app.set_default()


def pytest_unconfigure() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
