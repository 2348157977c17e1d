"""Prices in force: listed and held, what they were, what storefronts read, rules."""

import json
from decimal import Decimal

import django.contrib.postgres.fields
from django.db import migrations, models

import catalog.models
from catalog.pricing import rounded

FORWARD = """
CREATE SEQUENCE catalog_price_version;
UPDATE catalog_product SET listed_price = price;
INSERT INTO catalog_pricepoint (sku, since, price, currency)
SELECT data ->> 'sku', occurred_at, (data ->> 'price')::numeric, data ->> 'currency'
FROM analytics_storedevent WHERE type = 'price_changed' ORDER BY position;
"""
BACKWARD = "DROP SEQUENCE catalog_price_version;"


def show(apps, schema_editor):
    """Let storefronts read the prices that there are; none of them as reduced."""
    Product = apps.get_model("catalog", "Product")
    ShownPrice = apps.get_model("catalog", "ShownPrice")
    rows = list(Product.objects.values_list("sku", "price", "currency", "updated_at"))
    with schema_editor.connection.cursor() as cursor:
        count = "SELECT nextval('catalog_price_version') FROM generate_series(1, %s)"
        cursor.execute(count, [len(rows)])
        versions = [version for (version,) in cursor.fetchall()]
    ShownPrice.objects.bulk_create(
        [
            ShownPrice(sku=row[0], version=version, body=body(*row))
            for version, row in zip(versions, rows, strict=True)
        ],
        batch_size=10_000,
    )


def body(sku, price, currency, at):
    """Write a price as storefronts read it: as catalog.prices did at this migration."""
    told = {
        "sku": sku,
        "price": None if price is None else str(rounded(price, currency)),
        "currency": currency,
        "valid_from": at.isoformat().replace("+00:00", "Z"),
    }
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False)


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0006_market'),
        ('analytics', '0012_support'),
    ]

    operations = [
        migrations.AddField(
            model_name='product',
            name='listed_price',
            field=models.DecimalField(blank=True, decimal_places=4, max_digits=14, null=True),
        ),
        migrations.CreateModel(
            name='PriceHold',
            fields=[
                ('sku', models.CharField(max_length=200, primary_key=True, serialize=False)),
                ('strategy', models.UUIDField()),
                ('price', models.DecimalField(decimal_places=4, max_digits=14)),
                ('back', models.DecimalField(decimal_places=4, max_digits=14)),
                ('currency', models.CharField(max_length=3)),
                ('echoes', django.contrib.postgres.fields.ArrayField(base_field=models.DecimalField(decimal_places=4, max_digits=14), size=None)),
                ('since', models.DateTimeField()),
                ('released_at', models.DateTimeField(null=True)),
                ('overruled_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['strategy'], name='price_hold_strategy'), models.Index(condition=models.Q(('released_at__isnull', False)), fields=['released_at'], name='price_hold_released')],
            },
        ),
        migrations.CreateModel(
            name='PricePoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sku', models.CharField(max_length=200)),
                ('since', models.DateTimeField()),
                ('price', models.DecimalField(decimal_places=4, max_digits=14)),
                ('currency', models.CharField(max_length=3)),
            ],
            options={
                'indexes': [models.Index(fields=['sku', 'since'], name='price_point')],
            },
        ),
        migrations.CreateModel(
            name='PricingRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('category', models.TextField(blank=True, help_text='Empty: every category without a rule.', unique=True)),
                ('ending', models.CharField(blank=True, default='9', help_text='Prices end so, as 9, or .49 .99; or in steps, as 0.05; empty: any.', max_length=40, validators=[catalog.models.check_ending])),
                ('least_margin', models.DecimalField(decimal_places=3, default=Decimal('0.050'), max_digits=4)),
                ('most_above', models.DecimalField(decimal_places=3, default=Decimal('0.200'), help_text='Above the price that the shop lists.', max_digits=5)),
                ('most_up', models.DecimalField(decimal_places=3, default=Decimal('0.100'), help_text='In one step.', max_digits=4)),
                ('most_down', models.DecimalField(decimal_places=3, default=Decimal('0.200'), help_text='In one step.', max_digits=4)),
                ('least_days', models.PositiveSmallIntegerField(default=7, help_text="Between two changes of a product's price.")),
                ('families', models.BooleanField(default=True, help_text='A bigger pack costs more, and not more by unit; colours cost alike.')),
                ('above_competitors', models.DecimalField(blank=True, decimal_places=3, help_text='At most so far above the cheapest competitor; empty: as one likes.', max_digits=5, null=True)),
                ('progressive', models.BooleanField(default=False, help_text='Where the law allows: steps of one mark-down are shown against the price before the first.')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('least_margin__gte', 0), ('least_margin__lt', 1), ('most_above__gte', 0), ('most_down__gte', 0), ('most_down__lt', 1), ('most_up__gte', 0)), name='pricing_rule_shares'), models.CheckConstraint(condition=models.Q(('above_competitors', None), ('above_competitors__gt', -1), _connector='OR'), name='pricing_rule_competitors')],
            },
        ),
        migrations.CreateModel(
            name='ShownPrice',
            fields=[
                ('sku', models.CharField(max_length=200, primary_key=True, serialize=False)),
                ('version', models.BigIntegerField(unique=True)),
                ('body', models.TextField()),
                ('reference', models.DecimalField(decimal_places=4, max_digits=14, null=True)),
                ('until', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('until__isnull', False)), fields=['until'], name='price_shown_until')],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
        migrations.RunPython(show, migrations.RunPython.noop),
    ]
