"""The service assistant: help texts, conversations, hand-overs, and who may do what."""

import django.contrib.postgres.fields
import django.db.models.deletion
import uuid
from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

SEES = ("view_handover", "view_question", "view_conversation", "view_helptext", "view_example")
EDITS = ("add_helptext", "change_helptext", "publish_helptext")
MAY = {
    "Support": (*SEES, *EDITS, "change_handover", "add_example", "view_redemption"),
    "Operators": ("view_handover", "view_helptext"),
    "Approvers": ("view_handover", "view_helptext"),
    "Analysts": ("view_handover", "view_helptext"),
}


def allow(apps, schema_editor):
    """Permissions are usually made once all migrations have run: make them now."""
    create_permissions(installed.get_app_config("promotions"), verbosity=0, apps=apps)
    permissions = apps.get_model("auth", "Permission").objects
    for name, codes in MAY.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(
            *permissions.filter(
                content_type__app_label="promotions", codename__in=codes
            )
        )


class Migration(migrations.Migration):

    dependencies = [
        ('promotions', '0033_stock_rules_may_go'),
    ]

    operations = [
        migrations.CreateModel(
            name='Conversation',
            fields=[
                ('id', models.UUIDField(primary_key=True, serialize=False)),
                ('customer', models.UUIDField(null=True)),
                ('public', models.BooleanField(default=False, help_text="Begun by a browser's key: it has no customer.")),
                ('language', models.CharField(choices=[('en', 'English'), ('zh-hans', 'Simplified Chinese')], max_length=10)),
                ('state', models.JSONField(blank=True, default=dict)),
                ('began_at', models.DateTimeField()),
                ('last_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['last_at'], name='conversation_last'), models.Index(condition=models.Q(('customer__isnull', False)), fields=['customer'], name='conversation_customer')],
                'constraints': [models.CheckConstraint(condition=models.Q(('public', False), ('customer', None), _connector='OR'), name='conversation_public_is_nameless')],
            },
        ),
        migrations.CreateModel(
            name='Question',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('customer', models.UUIDField(null=True)),
                ('asked_at', models.DateTimeField()),
                ('language', models.CharField(choices=[('en', 'English'), ('zh-hans', 'Simplified Chinese')], max_length=10)),
                ('text', models.TextField()),
                ('cart', models.JSONField(blank=True, help_text='As it was sent.', null=True)),
                ('outcome', models.CharField(choices=[('answered', 'answered'), ('declined', 'declined'), ('handed_over', 'handed over')], max_length=20)),
                ('kinds', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), blank=True, default=list, size=None)),
                ('chance', models.FloatField(help_text='That it was understood, as believed.')),
                ('answer', models.TextField()),
                ('answers', models.JSONField(default=list)),
                ('rephrased', models.BooleanField(default=False)),
                ('verdict', models.CharField(blank=True, choices=[('right', 'right'), ('wrong', 'wrong')], default='', help_text="An agent's.", max_length=10)),
                ('conversation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='questions', to='promotions.conversation')),
            ],
        ),
        migrations.CreateModel(
            name='Example',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('customer', models.UUIDField(null=True)),
                ('language', models.CharField(choices=[('en', 'English'), ('zh-hans', 'Simplified Chinese')], max_length=10)),
                ('text', models.TextField()),
                ('kind', models.CharField(max_length=20)),
                ('slug', models.CharField(blank=True, default='', help_text='Of the help text, if any.', max_length=60)),
                ('said_by', models.CharField(max_length=150)),
                ('said_at', models.DateTimeField()),
                ('question', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='examples', to='promotions.question')),
            ],
        ),
        migrations.CreateModel(
            name='HelpText',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(help_text='The same in all languages, as “returns”.', max_length=60)),
                ('language', models.CharField(choices=[('en', 'English'), ('zh-hans', 'Simplified Chinese')], max_length=10)),
                ('version', models.IntegerField(editable=False)),
                ('title', models.CharField(max_length=200)),
                ('body', models.TextField(help_text='As customers read it.', max_length=4000)),
                ('asked', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), blank=True, default=list, help_text='How customers ask for it, one a line: it is found by these too.', size=None)),
                ('link', models.URLField(blank=True, default='', help_text="The shop's page on it.", max_length=500)),
                ('state', models.CharField(choices=[('draft', 'draft'), ('published', 'published'), ('retired', 'retired')], default='draft', editable=False, max_length=20)),
                ('edited_by', models.CharField(editable=False, max_length=150)),
                ('edited_at', models.DateTimeField(editable=False)),
                ('published_at', models.DateTimeField(editable=False, null=True)),
            ],
            options={
                'permissions': (('publish_helptext', 'Can publish and retire help texts'),),
                'constraints': [models.UniqueConstraint(fields=('slug', 'language', 'version'), name='help_text_version'), models.UniqueConstraint(condition=models.Q(('state', 'published')), fields=('slug', 'language'), name='help_text_published_once'), models.UniqueConstraint(condition=models.Q(('state', 'draft')), fields=('slug', 'language'), name='help_text_draft_once'), models.CheckConstraint(condition=models.Q(('language__in', ['en', 'zh-hans'])), name='help_text_language')],
            },
        ),
        migrations.CreateModel(
            name='HandOver',
            fields=[
                ('question', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='handover', serialize=False, to='promotions.question')),
                ('customer', models.UUIDField(null=True)),
                ('reason', models.CharField(choices=[('unsure', 'it was not sure what was asked'), ('asked', 'the customer asks for a person'), ('no_facts', 'nothing is known of it here'), ('no_text', 'no help text answers it'), ('codes_paused', 'too many wrong codes')], max_length=20)),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('answered', 'answered'), ('closed', 'closed without an answer')], default='waiting', max_length=20)),
                ('handed_at', models.DateTimeField()),
                ('answer', models.TextField(blank=True, default='')),
                ('answered_by', models.CharField(blank=True, default='', max_length=150)),
                ('answered_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name_plural': 'hand-overs',
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['handed_at'], name='hand_over_waiting'), models.Index(condition=models.Q(('customer__isnull', False)), fields=['customer'], name='hand_over_customer')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state', 'answered'), ('answer', ''), _connector='XOR'), name='hand_over_answer')],
            },
        ),
        migrations.AddIndex(
            model_name='question',
            index=models.Index(fields=['-asked_at'], name='question_newest'),
        ),
        migrations.AddIndex(
            model_name='question',
            index=models.Index(condition=models.Q(('customer__isnull', False)), fields=['customer'], name='question_customer'),
        ),
        migrations.AddConstraint(
            model_name='example',
            constraint=models.UniqueConstraint(fields=('question',), name='example_once'),
        ),
        migrations.AddConstraint(
            model_name='example',
            constraint=models.CheckConstraint(condition=models.Q(('kind', 'help'), ('slug', ''), _connector='XOR'), name='example_text'),
        ),
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
