import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("partnerapp", "0005_operator_last_event"),
    ]

    operations = [
        migrations.AlterField(  # event_of_organization begins with it
            model_name="event",
            name="organization",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="events",
                to="partnerapp.organization",
            ),
        ),
        migrations.RemoveIndex(model_name="event", name="event_of_distributor"),
        migrations.RemoveIndex(model_name="event", name="event_of_partner"),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["distributor_id", "at", "id"], name="event_of_distributor"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["partner_id", "at", "id"], name="event_of_partner"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["distributor_id", "kind", "at", "id"], name="event_of_distributor_by_kind"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["partner_id", "kind", "at", "id"], name="event_of_partner_by_kind"),
        ),
    ]
