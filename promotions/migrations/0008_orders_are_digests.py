"""Rollbacks know whose they are; receipts' keys are hashed; indexes by customer."""

from django.db import migrations, models

HASH = (
    "UPDATE promotions_receipt SET key = encode(sha256(convert_to(key, 'UTF8')), 'hex')"
)


class Migration(migrations.Migration):
    dependencies = [("promotions", "0007_codes_and_webhooks")]
    operations = [
        migrations.RunSQL(HASH, migrations.RunSQL.noop),
        migrations.AddField(
            model_name='rollback',
            name='customer',
            field=models.UUIDField(null=True),
        ),
        migrations.AlterField(
            model_name='receipt',
            name='key',
            field=models.CharField(help_text='SHA-256 of what was sent.', max_length=255),
        ),
        migrations.AddIndex(
            model_name='counter',
            index=models.Index(condition=models.Q(('customer__isnull', False)), fields=['customer'], name='counter_customer'),
        ),
        migrations.AddIndex(
            model_name='redemption',
            index=models.Index(fields=['customer'], name='redemption_customer'),
        ),
        migrations.AddIndex(
            model_name='redemption',
            index=models.Index(condition=models.Q(('rolled_back_at__isnull', False)), fields=['rolled_back_at'], name='redemption_rolled_back'),
        ),
    ]
