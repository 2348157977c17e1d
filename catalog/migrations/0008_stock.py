"""What is under way, stock by day, and the rules by which goods are kept in stock."""

from decimal import Decimal

from django.db import migrations, models

BACK = """
INSERT INTO catalog_stockday (sku, day, stock)
SELECT DISTINCT ON (data ->> 'sku', (occurred_at AT TIME ZONE 'UTC')::date)
    data ->> 'sku', (occurred_at AT TIME ZONE 'UTC')::date, (data ->> 'stock')::int
FROM analytics_storedevent WHERE type = 'stock_changed'
ORDER BY data ->> 'sku', (occurred_at AT TIME ZONE 'UTC')::date, position DESC
"""


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0006_market'),
        ('catalog', '0007_prices'),
    ]

    operations = [
        migrations.CreateModel(
            name='StockDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sku', models.CharField(max_length=200)),
                ('day', models.DateField()),
                ('stock', models.IntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='StockRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('category', models.TextField(blank=True, help_text='Empty: every category without a rule.', unique=True)),
                ('service_level', models.DecimalField(decimal_places=3, default=Decimal('0.950'), help_text='The chance not to run out before an order arrives, as 0.95.', max_digits=4)),
                ('target_days', models.PositiveSmallIntegerField(default=28, help_text='An order is to last for so long once it is there.')),
                ('over_days', models.PositiveSmallIntegerField(default=182, help_text='Stock that lasts longer is too much.')),
                ('review_days', models.PositiveSmallIntegerField(default=7, help_text='You order every so many days.')),
                ('lead_days', models.PositiveSmallIntegerField(default=7, help_text='From an order to its arrival, where no product says.')),
                ('clear_days', models.PositiveSmallIntegerField(default=56, help_text='What is too much is marked down for so long at most.')),
                ('deepest', models.DecimalField(decimal_places=3, default=Decimal('0.600'), help_text='The deepest mark-down, as a share of the price.', max_digits=4)),
                ('steps', models.PositiveSmallIntegerField(default=3, help_text='A price falls at most so many times.')),
                ('holding', models.DecimalField(decimal_places=3, default=Decimal('0.250'), help_text="What a year in stock costs, as a share of the goods' cost.", max_digits=4)),
            ],
        ),
        migrations.AddField(
            model_name='product',
            name='incoming',
            field=models.IntegerField(blank=True, help_text='Units that are ordered, not there yet.', null=True),
        ),
        migrations.AddField(
            model_name='product',
            name='incoming_on',
            field=models.DateField(blank=True, help_text='When they come; empty: within lead_days.', null=True),
        ),
        migrations.AddConstraint(
            model_name='product',
            constraint=models.CheckConstraint(condition=models.Q(('incoming__gte', 0)), name='product_incoming'),
        ),
        migrations.AddConstraint(
            model_name='stockday',
            constraint=models.UniqueConstraint(fields=('sku', 'day'), name='stock_day'),
        ),
        migrations.AddConstraint(
            model_name='stockrule',
            constraint=models.CheckConstraint(condition=models.Q(('clear_days__gte', 7), ('deepest__gt', 0), ('deepest__lt', 1), ('holding__gte', 0), ('over_days__gte', 1), ('service_level__gt', 0), ('service_level__lt', 1), ('target_days__gte', 1)), name='stock_rule_shares'),
        ),
        migrations.RunSQL(BACK, migrations.RunSQL.noop),
    ]
