"""How products' stock stands, a flag of what runs short, and the role of buyers."""

import django.db.models.deletion
from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

BUYS = (
    *("view_product", "view_supply", "view_stockday", "view_strategy", "view_campaign"),
    *("view_stockrule", "add_stockrule", "change_stockrule"),
)
MAY = {
    "Buyers": BUYS,
    "Operators": ("view_supply", "view_stockday", "view_stockrule"),
    "Approvers": BUYS,
    "Analysts": ("view_supply", "view_stockday", "view_stockrule"),
}


def allow(apps, schema_editor):
    """Permissions are usually made once all migrations have run: make them now."""
    for label in ("catalog", "promotions"):
        create_permissions(installed.get_app_config(label), verbosity=0, apps=apps)
    for name, codes in MAY.items():
        allowed = apps.get_model("auth", "Permission").objects.filter(
            content_type__app_label__in=["catalog", "promotions"], codename__in=codes
        )
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*allowed)


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0008_stock'),
        ('promotions', '0030_prices'),
    ]

    operations = [
        migrations.AlterField(
            model_name='standingrule',
            name='flag',
            field=models.CharField(choices=[('mismatch', 'arms are not as drawn'), ('harm', 'it certainly loses profit'), ('returns', 'it certainly brings more returns'), ('refusals', 'it certainly drives customers off'), ('pace', 'its budget will not last'), ('promise', 'it certainly brings less than promised'), ('margin', 'it certainly lowers the margin before discounts'), ('drift', 'its newest customers answer otherwise'), ('short', 'its goods run short')], max_length=20),
        ),
        migrations.CreateModel(
            name='Supply',
            fields=[
                ('product', models.OneToOneField(db_column='sku', on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='supply', serialize=False, to='catalog.product')),
                ('category', models.TextField(blank=True)),
                ('state', models.CharField(choices=[('out', 'sold out'), ('short', 'runs short'), ('expiring', 'will expire unsold'), ('over', 'too much'), ('fine', 'enough'), ('unknown', 'no forecast')], max_length=20)),
                ('units', models.IntegerField()),
                ('incoming', models.IntegerField(default=0)),
                ('weekly', models.FloatField(default=0.0)),
                ('promoted', models.FloatField(default=0.0)),
                ('cover', models.FloatField(help_text='Days; empty: none sells.', null=True)),
                ('chance_out', models.FloatField(default=0.0)),
                ('lead_days', models.IntegerField(default=0)),
                ('lead_assumed', models.BooleanField(default=False)),
                ('protected_days', models.IntegerField(default=0)),
                ('safety', models.IntegerField(default=0)),
                ('reorder_point', models.IntegerField(default=0)),
                ('order', models.IntegerField(default=0)),
                ('over', models.IntegerField(default=0)),
                ('chance_over', models.FloatField(default=0.0)),
                ('unsold', models.FloatField(default=0.0)),
                ('chance_unsold', models.FloatField(default=0.0)),
                ('computed_at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'supplies',
                'indexes': [models.Index(fields=['state', '-chance_out'], name='supply_state'), models.Index(fields=['category'], name='supply_category')],
            },
        ),
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
