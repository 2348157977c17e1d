"""A shop's own start: everything runs, and nothing of the demo is there."""

import os
import subprocess
import sys

import pytest
from django.contrib.auth.models import User
from django.db import connection

from analytics.models import StoredEvent
from catalog.models import Product
from config import services
from tests import serving


@pytest.mark.django_db(transaction=True)
def test_an_empty_start_serves_without_the_demos_data() -> None:
    port = serving.free_port()
    database = services.urls(os.environ).database.rpartition("/")[0]
    child = subprocess.Popen(
        [
            *(sys.executable, "manage.py", "up", "--empty"),
            *("--host", "127.0.0.1", "--port", str(port)),
        ],
        env=os.environ
        | {"DATABASE_URL": f"{database}/{connection.settings_dict['NAME']}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        serving.wait_for(f"http://127.0.0.1:{port}/healthz")
    finally:
        child.terminate()
        said = child.communicate(timeout=60)[0]

    assert f"http://127.0.0.1:{port}/admin/" in said
    assert "Password, shown only now" in said
    assert User.objects.get().has_usable_password()
    assert not StoredEvent.objects.exists()
    assert not Product.objects.exists()
