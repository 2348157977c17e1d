#!/usr/bin/env python
"""The command line. Commands that need the services attach to them first."""

import os
import sys

WITHOUT_SERVICES = {"help", "makemigrations", "collectstatic", "compilemessages"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    from config import celery, services

    celery.app.set_default()
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if command not in WITHOUT_SERVICES and "--help" not in sys.argv:
        try:
            services.attach()
        except services.ServiceDown as down:
            sys.exit(f"proffer: {down}")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
