from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0011_position_reads_on")]

    operations = [
        migrations.AddField(
            model_name="product",
            name="description",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.AddField(
            model_name="product",
            name="image_url",
            field=models.CharField(blank=True, default="", max_length=2000),
        ),
        migrations.AddField(
            model_name="product",
            name="first_listed_at",
            field=models.DateTimeField(
                blank=True, null=True, help_text="Empty: before this was kept."
            ),
        ),
        migrations.AddIndex(
            model_name="product",
            index=models.Index(
                condition=models.Q(("first_listed_at__isnull", False)),
                fields=["first_listed_at"],
                name="product_new",
            ),
        ),
    ]
