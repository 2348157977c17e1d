"""The web process's entry."""

import os

from django.core.wsgi import get_wsgi_application

from config import celery, services

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
services.attach()
celery.app.set_default()  # doors send tasks by name, from any of the server's threads
application = get_wsgi_application()
