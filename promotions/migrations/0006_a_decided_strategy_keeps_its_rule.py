"""What was approved is what runs: a changed rule is a new version of the strategy."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION promotions_keep_rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a decided strategy keeps its rule: make a new version of it';
END $$;
CREATE TRIGGER keep_rule BEFORE UPDATE ON promotions_strategy FOR EACH ROW
WHEN (OLD.state <> 'proposed' AND (
  OLD.campaign_id, OLD.kind, OLD.scope, OLD.menu, OLD.trigger, OLD.rule, OLD.touches,
  OLD.currency, OLD.least_margin, OLD.holdout, OLD.explore, OLD.version
) IS DISTINCT FROM (
  NEW.campaign_id, NEW.kind, NEW.scope, NEW.menu, NEW.trigger, NEW.rule, NEW.touches,
  NEW.currency, NEW.least_margin, NEW.holdout, NEW.explore, NEW.version
))
EXECUTE FUNCTION promotions_keep_rule();
"""
BACKWARD = """
DROP TRIGGER keep_rule ON promotions_strategy;
DROP FUNCTION promotions_keep_rule;
"""


class Migration(migrations.Migration):
    dependencies = [("promotions", "0005_the_engine")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
