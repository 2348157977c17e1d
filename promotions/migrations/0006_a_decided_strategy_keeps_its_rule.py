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
CREATE FUNCTION promotions_keep_zone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM promotions_strategy
             WHERE campaign_id = OLD.id AND state <> 'proposed') THEN
    RAISE EXCEPTION 'a campaign with a decided strategy keeps its zone and limits';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_zone BEFORE UPDATE ON promotions_campaign FOR EACH ROW
WHEN ((OLD.zone, OLD.limits, OLD.currency)
      IS DISTINCT FROM (NEW.zone, NEW.limits, NEW.currency))
EXECUTE FUNCTION promotions_keep_zone();
"""
BACKWARD = """
DROP TRIGGER keep_rule ON promotions_strategy;
DROP FUNCTION promotions_keep_rule;
DROP TRIGGER keep_zone ON promotions_campaign;
DROP FUNCTION promotions_keep_zone;
"""


class Migration(migrations.Migration):
    dependencies = [("promotions", "0005_the_engine")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
