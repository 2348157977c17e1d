"""A rejected version leaves room for another; what was decided stays decided."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

FORWARD = """
CREATE OR REPLACE FUNCTION promotions_keep_rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a decided strategy keeps its rule: make a new version of it'
    USING ERRCODE = 'check_violation';
END $$;
DROP TRIGGER keep_rule ON promotions_strategy;
CREATE TRIGGER keep_rule BEFORE UPDATE ON promotions_strategy FOR EACH ROW
WHEN (OLD.state <> 'proposed' AND (
  OLD.campaign_id, OLD.kind, OLD.title, OLD.reason, OLD.scope, OLD.menu, OLD.trigger,
  OLD.rule, OLD.touches, OLD.currency, OLD.least_margin, OLD.holdout, OLD.explore,
  OLD.version, OLD.replaces_id
) IS DISTINCT FROM (
  NEW.campaign_id, NEW.kind, NEW.title, NEW.reason, NEW.scope, NEW.menu, NEW.trigger,
  NEW.rule, NEW.touches, NEW.currency, NEW.least_margin, NEW.holdout, NEW.explore,
  NEW.version, NEW.replaces_id
))
EXECUTE FUNCTION promotions_keep_rule();
CREATE TRIGGER keep_decided BEFORE DELETE ON promotions_strategy FOR EACH ROW
WHEN (OLD.state <> 'proposed') EXECUTE FUNCTION promotions_keep_rule();
CREATE FUNCTION promotions_keep_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a strategy that is % does not become %', OLD.state, NEW.state
    USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER keep_state BEFORE UPDATE ON promotions_strategy FOR EACH ROW
WHEN (OLD.state <> NEW.state AND NOT (
  OLD.state = 'proposed' AND NEW.state IN ('live', 'rejected')
  OR OLD.state = 'live' AND NEW.state = 'ended'
)) EXECUTE FUNCTION promotions_keep_state();
"""
BACKWARD = """
DROP TRIGGER keep_state ON promotions_strategy;
DROP FUNCTION promotions_keep_state;
DROP TRIGGER keep_decided ON promotions_strategy;
"""


class Migration(migrations.Migration):
    dependencies = [("promotions", "0008_orders_are_digests")]
    operations = [
        migrations.AlterField(
            "strategy",
            "replaces",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="successors",
                to="promotions.strategy",
            ),
        ),
        migrations.AlterField(
            "strategy",
            "forecast",
            models.JSONField(
                blank=True,
                default=dict,
                help_text="`tried`: see promotions.backtest.",
            ),
        ),
        migrations.AddConstraint(
            "strategy",
            models.UniqueConstraint(
                condition=~Q(state="rejected"),
                fields=("replaces",),
                name="strategy_replaced_once",
            ),
        ),
        migrations.AddIndex(
            "strategy",
            models.Index(fields=["-proposed_at", "id"], name="strategy_newest"),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
