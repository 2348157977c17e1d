"""A strategy may be returned for changes, and paused; the database knows the road."""

from django.db import migrations, models

ROAD = """
DROP TRIGGER keep_state ON promotions_strategy;
CREATE TRIGGER keep_state BEFORE UPDATE ON promotions_strategy FOR EACH ROW
WHEN (OLD.state <> NEW.state AND NOT (
  OLD.state = 'proposed' AND NEW.state IN ('live', 'rejected', 'returned')
  OR OLD.state = 'live' AND NEW.state IN ('paused', 'ended')
  OR OLD.state = 'paused' AND NEW.state IN ('live', 'ended')
)) EXECUTE FUNCTION promotions_keep_state();
"""
STRAIGHT = """
DROP TRIGGER keep_state ON promotions_strategy;
CREATE TRIGGER keep_state BEFORE UPDATE ON promotions_strategy FOR EACH ROW
WHEN (OLD.state <> NEW.state AND NOT (
  OLD.state = 'proposed' AND NEW.state IN ('live', 'rejected')
  OR OLD.state = 'live' AND NEW.state = 'ended'
)) EXECUTE FUNCTION promotions_keep_state();
"""


class Migration(migrations.Migration):
    dependencies = [("promotions", "0026_roles")]
    operations = [
        migrations.AddField(
            "strategy",
            "paused_at",
            models.DateTimeField(
                blank=True, help_text="When it was paused last, or is.", null=True
            ),
        ),
        migrations.AlterField(
            "strategy",
            "state",
            models.CharField(
                choices=[
                    ("proposed", "proposed"),
                    ("returned", "returned for changes"),
                    ("live", "live"),
                    ("paused", "paused"),
                    ("rejected", "rejected"),
                    ("ended", "ended"),
                ],
                default="proposed",
                max_length=20,
            ),
        ),
        migrations.RunSQL(ROAD, STRAIGHT),
    ]
