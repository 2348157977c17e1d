"""The role of the engineer who connects the shop: keys, what comes in, webhooks."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

MAY = (
    *("view_apikey", "add_apikey", "change_apikey", "view_storedevent"),
    *("view_rejection", "change_rejection", "view_wrongkey", "view_checkpoint"),
    *("view_endpoint", "add_endpoint", "change_endpoint", "view_delivery"),
    *("view_product", "view_feed", "add_feed", "view_denial"),
)


def allow(apps, schema_editor):
    """Permissions are usually made once all migrations have run: make them now."""
    for label in ("analytics", "catalog", "promotions"):
        create_permissions(installed.get_app_config(label), verbosity=0, apps=apps)
    allowed = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label__in=["analytics", "catalog", "promotions"],
        codename__in=MAY,
    )
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name="Engineers")
    group.permissions.add(*allowed)


class Migration(migrations.Migration):
    dependencies = [("promotions", "0028_support")]
    operations = [migrations.RunPython(allow, migrations.RunPython.noop)]
