"""What an organization is found by: its words, and an index over them."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import migrations, models

from partnerapp.models.organization import Organization


def fill(apps, schema_editor):
    rows = apps.get_model("partnerapp", "Organization").objects.all()
    for row in rows.iterator():
        facts = {"name": row.name, "notification_email": row.notification_email, "default_domain": row.default_domain}
        folded = Organization(kind=row.kind, distributor_id=row.distributor_id, parent_id=row.parent_id, **facts)
        folded.fold_words()
        rows.filter(pk=row.pk).update(name_key=folded.name_key, search_text=folded.search_text)


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
