"""A menu's odds may follow what its variants earn, and customers say what they think."""

import django.db.models.deletion
from django.db import migrations, models

KEEP_RULE = """
DROP TRIGGER keep_rule ON promotions_strategy;
CREATE TRIGGER keep_rule BEFORE UPDATE ON promotions_strategy FOR EACH ROW
WHEN (OLD.state <> 'proposed' AND (
  OLD.campaign_id, OLD.kind, OLD.title, OLD.reason, OLD.scope, OLD.menu, OLD.trigger,
  OLD.rule, OLD.touches, OLD.currency, OLD.least_margin, OLD.holdout, OLD.explore,
  {old}OLD.version, OLD.replaces_id
) IS DISTINCT FROM (
  NEW.campaign_id, NEW.kind, NEW.title, NEW.reason, NEW.scope, NEW.menu, NEW.trigger,
  NEW.rule, NEW.touches, NEW.currency, NEW.least_margin, NEW.holdout, NEW.explore,
  {new}NEW.version, NEW.replaces_id
))
EXECUTE FUNCTION promotions_keep_rule();
"""
FORWARD = KEEP_RULE.format(old="OLD.allocation, ", new="NEW.allocation, ")
BACKWARD = KEEP_RULE.format(old="", new="")


class Migration(migrations.Migration):
    dependencies = [("promotions", "0014_standing_rules")]
    operations = [
        migrations.CreateModel(
            name='Feedback',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('customer', models.UUIDField()),
                ('strategy', models.UUIDField()),
                ('word', models.CharField(choices=[('useful', 'useful'), ('not_for_me', 'not for me'), ('too_many', 'too many offers')], max_length=20)),
                ('said_at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'feedback',
            },
        ),
        migrations.CreateModel(
            name='Odds',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('odds', models.JSONField(help_text='Label of the menu -> share of the treated.')),
            ],
            options={
                'verbose_name_plural': 'odds',
            },
        ),
        migrations.AddField(
            model_name='strategy',
            name='allocation',
            field=models.CharField(choices=[('best', 'the best one for each'), ('thompson', 'one by lot, at odds that follow what each earns')], default='best', help_text='Who gets which variant: see promotions.bandit.', max_length=20),
        ),
        migrations.AddConstraint(
            model_name='strategy',
            constraint=models.CheckConstraint(condition=models.Q(('allocation', 'best'), models.Q(('allocation', 'thompson'), ('trigger', 'offer')), _connector='OR'), name='strategy_allocation'),
        ),
        migrations.AddField(
            model_name='odds',
            name='strategy',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='odds', to='promotions.strategy'),
        ),
        migrations.AddIndex(
            model_name='feedback',
            index=models.Index(fields=['strategy'], name='feedback_strategy'),
        ),
        migrations.AddConstraint(
            model_name='feedback',
            constraint=models.UniqueConstraint(fields=('customer', 'strategy'), name='feedback_last_word'),
        ),
        migrations.AddConstraint(
            model_name='feedback',
            constraint=models.CheckConstraint(condition=models.Q(('word__in', ['useful', 'not_for_me', 'too_many'])), name='feedback_word'),
        ),
        migrations.AddConstraint(
            model_name='odds',
            constraint=models.UniqueConstraint(fields=('strategy', 'day'), name='odds_once_a_day'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
