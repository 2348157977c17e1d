"""Whose conversations are of ids nobody is known by; what was asked after what."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('promotions', '0035_opinions'),
    ]

    operations = [
        migrations.AddField(
            model_name='conversation',
            name='owner',
            field=models.CharField(blank=True, default='', help_text='A keyed hash of the id that was given, where nobody is known by it.', max_length=64),
        ),
        migrations.AddField(
            model_name='example',
            name='owner',
            field=models.CharField(blank=True, default='', max_length=64),
        ),
        migrations.AddField(
            model_name='question',
            name='number',
            field=models.IntegerField(default=0, help_text='In its conversation.'),
        ),
        migrations.AddField(
            model_name='question',
            name='owner',
            field=models.CharField(blank=True, default='', max_length=64),
        ),
        migrations.AddIndex(
            model_name='conversation',
            index=models.Index(condition=models.Q(('owner', ''), _negated=True), fields=['owner'], name='conversation_owner'),
        ),
        migrations.AddIndex(
            model_name='question',
            index=models.Index(condition=models.Q(('owner', ''), _negated=True), fields=['owner'], name='question_owner'),
        ),
    ]
