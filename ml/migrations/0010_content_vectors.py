import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import pgvector.django.halfvec
import pgvector.django.indexes
from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.core.management.base import CommandError
from django.db import NotSupportedError, ProgrammingError, migrations, models
from pgvector.django import VectorExtension

SEEN = ("view_producttwin", "view_contentrun")
ROLES = {
    "Operators": (*SEEN, "change_producttwin"),
    "Approvers": (*SEEN, "change_producttwin"),
    "Analysts": SEEN,
    "Buyers": (*SEEN, "change_producttwin"),
    "Engineers": SEEN,
}

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


def allow(apps, schema_editor):
    """Permissions are usually made once all migrations have run: make them now."""
    create_permissions(installed.get_app_config("ml"), verbosity=0, apps=apps)
    permissions = apps.get_model("auth", "Permission").objects
    for name, codenames in ROLES.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        allowed = permissions.filter(
            content_type__app_label="ml", codename__in=codenames
        )
        group.permissions.add(*allowed)


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("catalog", "0012_content"),
        ("ml", "0009_opinions"),
    ]
    operations = [
        Vectors(),
        migrations.CreateModel(
            name='ContentRun',
            fields=[
                ('source', models.CharField(choices=[('text', 'text'), ('image', 'image')], max_length=5, primary_key=True, serialize=False)),
                ('model', models.CharField(max_length=64)),
                ('seen_until', models.DateTimeField(help_text='The newest listing then.', null=True)),
                ('waiting', models.PositiveIntegerField(default=0, help_text='Listings to be read.')),
                ('read', models.PositiveIntegerField(default=0, help_text='Read in the newest run.')),
                ('faults', models.PositiveIntegerField(default=0)),
                ('vocabulary', models.JSONField(default=dict)),
                ('started_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='ContentVector',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.CharField(choices=[('text', 'text'), ('image', 'image')], max_length=5)),
                ('checksum', models.CharField(max_length=32)),
                ('model', models.CharField(max_length=64)),
                ('text', models.TextField(blank=True, default='')),
                ('words', django.contrib.postgres.search.SearchVectorField(null=True)),
                ('vector', pgvector.django.halfvec.HalfVectorField(dimensions=512)),
            ],
            options={
                'indexes': [django.contrib.postgres.indexes.GinIndex(fields=['words'], name='content_words'), pgvector.django.indexes.HnswIndex(condition=models.Q(('source', 'text')), fields=['vector'], name='content_near_texts', opclasses=['halfvec_cosine_ops']), pgvector.django.indexes.HnswIndex(condition=models.Q(('source', 'image')), fields=['vector'], name='content_near_images', opclasses=['halfvec_cosine_ops'])],
                'constraints': [models.UniqueConstraint(fields=('source', 'checksum'), name='content_vector_once')],
            },
        ),
        migrations.CreateModel(
            name='ProductContent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.CharField(choices=[('text', 'text'), ('image', 'image')], max_length=5)),
                ('seen', models.CharField(max_length=32)),
                ('fault', models.CharField(blank=True, default='', max_length=200)),
                ('retry_at', models.DateTimeField(null=True)),
                ('content', models.ForeignKey(null=True, on_delete=django.db.models.deletion.RESTRICT, to='ml.contentvector')),
                ('product', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='catalog.product')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('product', 'source'), name='product_content_once')],
            },
        ),
        migrations.CreateModel(
            name='ProductTwin',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('likelihood', models.FloatField(help_text='That both are the same product.')),
                ('why', models.CharField(max_length=20)),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('same', 'the same'), ('different', 'not the same')], default='waiting', max_length=9)),
                ('by', models.CharField(blank=True, default='', max_length=150)),
                ('at', models.DateTimeField()),
                ('first', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='catalog.product')),
                ('second', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='catalog.product')),
            ],
            options={
                'indexes': [models.Index(fields=['state', '-likelihood'], name='twins_waiting')],
                'constraints': [models.UniqueConstraint(fields=('first', 'second'), name='twins_once'), models.CheckConstraint(condition=models.Q(('first__lt', models.F('second'))), name='twins_in_order'), models.CheckConstraint(condition=models.Q(('likelihood__gte', 0), ('likelihood__lte', 1)), name='twins_likelihood')],
            },
        ),
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
