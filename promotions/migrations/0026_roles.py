"""The roles of a back office, as groups; an operator may change them afterwards."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

APPS = ("analytics", "catalog", "ml", "promotions")
WRITES = (
    *("add_strategy", "change_strategy", "add_campaign", "change_campaign"),
    *("add_codebatch", "change_codebatch", "add_code", "change_code"),
    "add_standingrule",
)
DECIDES = ("approve_strategy", "change_standingrule", "change_trainedmodel")
SERVES = (
    *("customer", "profile", "customerprofile", "storedevent", "strategy", "campaign"),
    *("offer", "redemption", "reservation", "code"),
)


def make(apps, schema_editor):
    """Permissions are usually made once all migrations have run: make them now."""
    for label in APPS:
        create_permissions(installed.get_app_config(label), verbosity=0, apps=apps)
    permissions = apps.get_model("auth", "Permission").objects
    ours = permissions.filter(content_type__app_label__in=APPS)
    views = ours.filter(codename__startswith="view_")
    roles = {
        "Operators": views | ours.filter(codename__in=WRITES),
        "Approvers": views | ours.filter(codename__in=[*WRITES, *DECIDES]),
        "Analysts": views,
        "Support": ours.filter(codename__in=[f"view_{name}" for name in SERVES]),
    }
    for name, allowed in roles.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*allowed)


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0011_types"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("catalog", "0003_the_clock"),
        ("ml", "0007_the_clock"),
        ("promotions", "0025_turns_and_types"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="strategy",
            options={
                "permissions": (
                    ("approve_strategy", "Can approve, reject and end strategies"),
                ),
                "verbose_name_plural": "strategies",
            },
        ),
        migrations.RunPython(make, migrations.RunPython.noop),
    ]
