"""A pytest plugin, loaded before Django's settings: the tests get servers of their own.

PostgreSQL and Valkey run under a new folder, without fsync, and never under var/. When
the folder goes, the keeper stops them. Each worker of pytest-xdist is a process that
loads this anew, so it has a folder and servers of its own too; who only hands out the
tests starts none.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

FOLDER = Path(tempfile.mkdtemp(prefix="proffer-tests-"))
FOLDER.chmod(0o755)  # PostgreSQL runs as another user when the tests run as root
os.environ["PROFFER_VAR"] = str(FOLDER)
os.environ["PROFFER_TEST"] = "1"
os.environ.setdefault("DEBUG", "true")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # each worker has one core


def pytest_configure(config: pytest.Config) -> None:
    from config import celery, services

    if config.getoption("numprocesses", None):
        return
    services.attach()
    celery.app.set_default()


def pytest_unconfigure() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
