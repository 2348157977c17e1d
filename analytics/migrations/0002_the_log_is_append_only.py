from django.db import migrations

FORWARD = """
CREATE FUNCTION analytics_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'TRUNCATE' AND current_setting('analytics.erasing', true) = 'on' THEN
    RETURN coalesce(NEW, OLD);
  END IF;
  RAISE EXCEPTION 'the log is append-only'
    USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON analytics_storedevent
  FOR EACH ROW EXECUTE FUNCTION analytics_refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON analytics_storedevent
  FOR EACH STATEMENT EXECUTE FUNCTION analytics_refuse_change();
"""
BACKWARD = """
DROP TRIGGER append_only ON analytics_storedevent;
DROP TRIGGER append_only_truncate ON analytics_storedevent;
DROP FUNCTION analytics_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
