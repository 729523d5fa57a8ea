"""What an organization is sorted and found by. The words are written by 0008, which keeps them in another way."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import migrations, models

from partnerapp.models.organization import key_of


def fill(apps, schema_editor):
    rows = apps.get_model("partnerapp", "Organization").objects.all()
    for row in rows.iterator():
        rows.filter(pk=row.pk).update(name_key=key_of(row.name))


class Migration(migrations.Migration):
    dependencies = [("partnerapp", "0002_guards")]
    operations = [
        migrations.AddField("organization", "search_text", models.TextField(default="", editable=False)),
        migrations.AddField(
            "organization",
            "search",
            models.GeneratedField(
                expression=models.Func(
                    models.Func(models.F("search_text"), models.Value(" "), function="string_to_array"),
                    function="array_to_tsvector",
                ),
                output_field=SearchVectorField(),
                db_persist=True,
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex("organization", GinIndex(fields=["search"], name="organization_search", fastupdate=False)),
    ]
