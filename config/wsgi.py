"""The web process's entry."""

import os
from threading import Thread

from django.core.wsgi import get_wsgi_application

from config import celery, services

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
services.attach()
celery.app.set_default()  # doors send tasks by name, from any of the server's threads
application = get_wsgi_application()

from django.db import connection  # noqa: E402  (needs the settings)

from promotions import lessons  # noqa: E402  (needs the apps)


def warm() -> None:
    """Prepare for questions beside the first requests."""
    lessons.warm()
    connection.close()


Thread(target=warm, daemon=True).start()
