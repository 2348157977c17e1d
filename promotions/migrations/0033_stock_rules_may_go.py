"""Who may set a rule of stock may take it back."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

WHO = ("Buyers", "Approvers")
"""Those who may add and change one since 0031."""


def allow(apps, schema_editor):
    """Permissions are usually made once all migrations have run: make them now."""
    create_permissions(installed.get_app_config("catalog"), verbosity=0, apps=apps)
    allowed = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="catalog", codename="delete_stockrule"
    )
    for name in WHO:
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*allowed)


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0009_what_feeds_said'),
        ('promotions', '0032_quarters'),
    ]

    operations = [migrations.RunPython(allow, migrations.RunPython.noop)]
