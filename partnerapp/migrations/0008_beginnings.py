"""What an organization is found by: the beginnings of its words, each a key of the index; and whether it is pending.

The index by the instant of creation goes: "Newest" is the order of ids.
"""

from itertools import islice

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models

from partnerapp.models.organization import Organization

FACTS = ["id", "kind", "distributor_id", "name", "notification_email", "default_domain"]
BATCH = 2_000


def fill(apps, schema_editor):
    waiting = apps.get_model("subscriptions", "Subscription").objects.filter(imported_at=None)
    rows = apps.get_model("partnerapp", "Organization").objects.exclude(kind="distributor")
    rows = rows.annotate(waiting=models.Exists(waiting.filter(pk=models.OuterRef("pk")))).values(*FACTS, "waiting")
    left = rows.iterator(chunk_size=BATCH)
    with schema_editor.connection.cursor() as cursor:
        while batch := list(islice(left, BATCH)):
            cursor.executemany("UPDATE organization SET search = %s, pending = %s WHERE id = %s", map(words_of, batch))


def words_of(row):
    folded = Organization(pending=row.pop("waiting"), **row)
    folded.fold_words()
    return folded.search, folded.pending, folded.pk


class Migration(migrations.Migration):
    dependencies = [("partnerapp", "0007_staff"), ("subscriptions", "0001_initial")]
    operations = [
        migrations.RemoveIndex("organization", "organization_search"),
        migrations.RemoveIndex("organization", "organization_newest"),
        migrations.RemoveField("organization", "search"),
        migrations.RemoveField("organization", "search_text"),
        migrations.AddField("organization", "pending", models.BooleanField(default=False, editable=False)),
        migrations.AddField("organization", "search", ArrayField(models.TextField(), default=list, editable=False)),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex("organization", GinIndex(fields=["search"], name="organization_search", fastupdate=False)),
    ]
