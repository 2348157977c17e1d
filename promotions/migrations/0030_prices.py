"""Strategies that change prices: lines of products; what was proposed stays so."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import promotions.models
from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations, models

FORWARD = """
CREATE FUNCTION promotions_keep_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a line of a price change keeps its price: make a new version'
    USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER keep_line BEFORE UPDATE ON promotions_priceline FOR EACH ROW
WHEN (
  (OLD.strategy_id, OLD.sku, OLD.price, OLD.was, OLD.starts_at, OLD.ends_at)
  IS DISTINCT FROM
  (NEW.strategy_id, NEW.sku, NEW.price, NEW.was, NEW.starts_at, NEW.ends_at)
) EXECUTE FUNCTION promotions_keep_line();
"""
BACKWARD = """
DROP TRIGGER keep_line ON promotions_priceline;
DROP FUNCTION promotions_keep_line;
"""

MAY = ("add_pricingrule", "change_pricingrule", "delete_pricingrule")


def allow(apps, schema_editor):
    """Permissions are usually made once all migrations have run: make them now."""
    for label in ("catalog", "promotions"):
        create_permissions(installed.get_app_config(label), verbosity=0, apps=apps)
    of = apps.get_model("auth", "Permission").objects
    views = of.filter(
        content_type__app_label__in=["catalog", "promotions"],
        codename__in=["view_pricingrule", "view_priceline"],
    )
    groups = apps.get_model("auth", "Group").objects
    for name in ("Operators", "Approvers", "Analysts"):
        group, _ = groups.get_or_create(name=name)
        group.permissions.add(*views)
        if name != "Analysts":
            group.permissions.add(*of.filter(codename__in=MAY))


class Migration(migrations.Migration):

    dependencies = [
        ('promotions', '0029_engineers'),
        ('catalog', '0007_prices'),
    ]

    operations = [
        BtreeGistExtension(),
        migrations.CreateModel(
            name='PriceLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sku', models.CharField(max_length=200)),
                ('price', models.DecimalField(decimal_places=4, max_digits=14)),
                ('was', models.DecimalField(decimal_places=4, help_text='When it was proposed.', max_digits=14)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField(blank=True, null=True)),
                ('state', models.CharField(choices=[('proposed', 'proposed'), ('planned', 'planned'), ('running', 'in force'), ('over', 'over'), ('overruled', 'overruled by the shop')], default='proposed', max_length=20)),
                ('expects', models.JSONField(blank=True, default=dict, help_text='See price_lines.Expected.')),
            ],
        ),
        migrations.AlterField(
            model_name='strategy',
            name='kind',
            field=models.CharField(choices=[('percentage', 'percentage'), ('amount', 'amount'), ('fixed_price', 'fixed price'), ('threshold', 'threshold'), ('multibuy', 'multibuy'), ('bundle', 'bundle'), ('gift', 'gift'), ('shipping', 'shipping'), ('prices', 'price change')], max_length=20),
        ),
        migrations.AlterField(
            model_name='strategy',
            name='menu',
            field=models.JSONField(blank=True, help_text='Of a price change it is empty: see its lines.', validators=[promotions.models.check_menu]),
        ),
        migrations.AlterField(
            model_name='strategy',
            name='trigger',
            field=models.CharField(choices=[('offer', 'a personal offer'), ('automatic', 'automatic'), ('code', 'a code'), ('shelf', "the shelf: everybody's price")], default='offer', help_text='What makes it apply to a cart.', max_length=20),
        ),
        migrations.AddConstraint(
            model_name='strategy',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'prices'), ('menu', {}), ('trigger', 'shelf')), models.Q(models.Q(('kind', 'prices'), _negated=True), models.Q(('trigger', 'shelf'), _negated=True), models.Q(('menu', {}), _negated=True)), _connector='OR'), name='strategy_shelf'),
        ),
        migrations.AddField(
            model_name='priceline',
            name='strategy',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='price_lines', to='promotions.strategy'),
        ),
        migrations.AddIndex(
            model_name='priceline',
            index=models.Index(condition=models.Q(('state__in', ['planned', 'running'])), fields=['strategy', 'state'], name='price_line_open'),
        ),
        migrations.AddConstraint(
            model_name='priceline',
            constraint=models.UniqueConstraint(fields=('strategy', 'sku', 'starts_at'), name='price_line_once'),
        ),
        migrations.AddConstraint(
            model_name='priceline',
            constraint=models.CheckConstraint(condition=models.Q(('price__gte', 0)), name='price_line_price'),
        ),
        migrations.AddConstraint(
            model_name='priceline',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at', None), ('ends_at__gt', models.F('starts_at')), _connector='OR'), name='price_line_period'),
        ),
        migrations.AddConstraint(
            model_name='priceline',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('state__in', ['planned', 'running'])), expressions=[('sku', '='), (models.Func('starts_at', 'ends_at', function='TSTZRANGE', output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField()), '&&')], name='price_line_alone'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
