from django.core.management.base import CommandError
from django.db import NotSupportedError, ProgrammingError, migrations
from pgvector.django import VectorExtension

ABSENT = (
    "PostgreSQL lacks the extension pgvector, and Proffer's role may not create it: "
    "install it (Debian: postgresql-18-pgvector), then run, as a superuser, in "
    "Proffer's database: CREATE EXTENSION vector; and migrate again. The embedded "
    "PostgreSQL brings it when it starts: `python -m config.services stop`, then again."
)


class Vectors(VectorExtension):
    """Only a superuser may create it, so say in one sentence what is to be done."""

    def database_forwards(self, *arguments):
        try:
            super().database_forwards(*arguments)
        except (NotSupportedError, ProgrammingError) as error:
            raise CommandError(f"{ABSENT} ({str(error).strip().splitlines()[0]})")

    def database_backwards(self, *arguments):
        """Leave it: others may use it, and dropping it is a superuser's as well."""


class Migration(migrations.Migration):
    dependencies = [("ml", "0008_demand")]
    operations = [Vectors()]
