"""Quarters have a budget, and who plans promotions sets it."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.expressions
import django.db.models.functions.comparison
from decimal import Decimal
from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

MAY = {
    "Operators": ("view_quarter", "change_quarter"),
    "Approvers": ("view_quarter", "change_quarter"),
    "Analysts": ("view_quarter",),
}


def allow(apps, schema_editor):
    """Permissions are usually made once all migrations have run: make them now."""
    create_permissions(
        installed.get_app_config("promotions"), verbosity=0, apps=apps
    )
    permissions = apps.get_model("auth", "Permission").objects
    for name, names in MAY.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(
            *permissions.filter(
                content_type__app_label="promotions", codename__in=names
            )
        )


class Migration(migrations.Migration):

    dependencies = [
        ('promotions', '0031_stock'),
    ]

    operations = [
        migrations.CreateModel(
            name='Quarter',
            fields=[
                ('starts_on', models.DateField(primary_key=True, serialize=False)),
                ('budget', models.DecimalField(decimal_places=4, max_digits=14)),
                ('currency', models.CharField(max_length=3)),
                ('weeks', django.contrib.postgres.fields.ArrayField(base_field=models.DecimalField(decimal_places=4, max_digits=14, blank=True, null=True), size=14)),
                ('set_by', models.CharField(max_length=150)),
                ('set_at', models.DateTimeField()),
            ],
        ),
        migrations.AddIndex(
            model_name='redemption',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['redeemed_at'], name='redemption_when'),
        ),
        migrations.AddConstraint(
            model_name='quarter',
            constraint=models.CheckConstraint(condition=models.Q(('starts_on__iso_week_day', 1)), name='quarter_from_monday'),
        ),
        migrations.AddConstraint(
            model_name='quarter',
            constraint=models.CheckConstraint(condition=models.Q(('weeks__len__in', [13, 14])), name='quarter_of_whole_weeks'),
        ),
        migrations.AddConstraint(
            model_name='quarter',
            constraint=models.CheckConstraint(condition=models.Q(('budget__gte', 0), models.Q(('weeks__0', None), ('weeks__0__gte', 0), _connector='OR'), models.Q(('weeks__1', None), ('weeks__1__gte', 0), _connector='OR'), models.Q(('weeks__2', None), ('weeks__2__gte', 0), _connector='OR'), models.Q(('weeks__3', None), ('weeks__3__gte', 0), _connector='OR'), models.Q(('weeks__4', None), ('weeks__4__gte', 0), _connector='OR'), models.Q(('weeks__5', None), ('weeks__5__gte', 0), _connector='OR'), models.Q(('weeks__6', None), ('weeks__6__gte', 0), _connector='OR'), models.Q(('weeks__7', None), ('weeks__7__gte', 0), _connector='OR'), models.Q(('weeks__8', None), ('weeks__8__gte', 0), _connector='OR'), models.Q(('weeks__9', None), ('weeks__9__gte', 0), _connector='OR'), models.Q(('weeks__10', None), ('weeks__10__gte', 0), _connector='OR'), models.Q(('weeks__11', None), ('weeks__11__gte', 0), _connector='OR'), models.Q(('weeks__12', None), ('weeks__12__gte', 0), _connector='OR'), models.Q(('weeks__13', None), ('weeks__13__gte', 0), _connector='OR')), name='quarter_is_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='quarter',
            constraint=models.CheckConstraint(condition=models.Q(('budget__gte', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.functions.comparison.Coalesce(models.F('weeks__0'), models.Value(Decimal('0'))), '+', django.db.models.functions.comparison.Coalesce(models.F('weeks__1'), models.Value(Decimal('0')))), '+', django.db.models.functions.comparison.Coalesce(models.F('weeks__2'), models.Value(Decimal('0')))), '+', django.db.models.functions.comparison.Coalesce(models.F('weeks__3'), models.Value(Decimal('0')))), '+', django.db.models.functions.comparison.Coalesce(models.F('weeks__4'), models.Value(Decimal('0')))), '+', django.db.models.functions.comparison.Coalesce(models.F('weeks__5'), models.Value(Decimal('0')))), '+', django.db.models.functions.comparison.Coalesce(models.F('weeks__6'), models.Value(Decimal('0')))), '+', django.db.models.functions.comparison.Coalesce(models.F('weeks__7'), models.Value(Decimal('0')))), '+', django.db.models.functions.comparison.Coalesce(models.F('weeks__8'), models.Value(Decimal('0')))), '+', django.db.models.functions.comparison.Coalesce(models.F('weeks__9'), models.Value(Decimal('0')))), '+', django.db.models.functions.comparison.Coalesce(models.F('weeks__10'), models.Value(Decimal('0')))), '+', django.db.models.functions.comparison.Coalesce(models.F('weeks__11'), models.Value(Decimal('0')))), '+', django.db.models.functions.comparison.Coalesce(models.F('weeks__12'), models.Value(Decimal('0')))), '+', django.db.models.functions.comparison.Coalesce(models.F('weeks__13'), models.Value(Decimal('0')))))), name='quarter_within_budget'),
        ),
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
