"""What the checkout refused; what support, and whoever brings data in, may do."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

MORE = {
    "Support": ("export_customer", "consent_customer", "view_denial"),
    "Operators": ("add_feed", "change_rejection", "view_denial", "view_feed"),
    "Approvers": ("add_feed", "change_rejection", "view_denial", "view_feed"),
    "Analysts": ("view_denial", "view_feed"),
}


def allow(apps, schema_editor):
    """Permissions are usually made once all migrations have run: make them now."""
    for label in ("analytics", "catalog", "promotions"):
        create_permissions(installed.get_app_config(label), verbosity=0, apps=apps)
    permissions = apps.get_model("auth", "Permission").objects
    for name, codes in MORE.items():
        group = apps.get_model("auth", "Group").objects.filter(name=name).first()
        if group:  # an operator may have deleted it
            group.permissions.add(*permissions.filter(codename__in=codes))


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0012_support"),
        ("catalog", "0004_feeds"),
        ("promotions", "0027_pauses"),
    ]

    operations = [
        migrations.CreateModel(
            name="Denial",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("customer", models.UUIDField()),
                ("at", models.DateTimeField(help_text="The last time.")),
                (
                    "call",
                    models.CharField(
                        choices=[
                            ("cart", "a cart was priced"),
                            ("reservation", "a cart was to be reserved"),
                            ("order", "an order was to use promotions"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "code",
                    models.TextField(
                        help_text="The problem's code, as the shop was told."
                    ),
                ),
                ("reasons", models.JSONField(default=list)),
                ("detail", models.TextField(blank=True, default="")),
                (
                    "times",
                    models.IntegerField(
                        default=1, help_text="The same again within an hour."
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["customer", "-at"], name="denial_customer"),
                    models.Index(fields=["at"], name="denial_at"),
                ],
            },
        ),
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
