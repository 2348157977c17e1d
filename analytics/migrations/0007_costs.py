"""What goods cost. Of earlier outcomes no cost is known: `rebuild outcomes` counts."""

from django.db import migrations, models
from django.db.models import F


def nothing_was_known(apps, schema_editor):
    Outcome = apps.get_model("analytics", "Outcome")
    goods = F("shelf") + F("gift")
    Outcome.objects.filter(kind__in=["order", "redeemed"]).update(uncosted=goods)


def money():
    return models.DecimalField(decimal_places=4, default=0, max_digits=20)


class Migration(migrations.Migration):
    dependencies = [("analytics", "0006_assignment_odds")]

    operations = [
        migrations.CreateModel(
            name="UnitCost",
            fields=[
                (
                    "position",
                    models.BigIntegerField(primary_key=True, serialize=False),
                ),
                ("sku", models.TextField()),
                ("currency", models.CharField(max_length=3)),
                (
                    "cost",
                    models.DecimalField(decimal_places=4, max_digits=14, null=True),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["sku", "-position"], name="unit_cost_newest")
                ]
            },
        ),
        migrations.AddField("outcome", "cost", money(), preserve_default=False),
        migrations.AddField("outcome", "uncosted", money(), preserve_default=False),
        migrations.RunPython(nothing_was_known, migrations.RunPython.noop),
    ]
