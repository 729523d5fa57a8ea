"""What Django cannot declare: the start of a trial and a conversion are written once (R25, R27)."""

from django.db import migrations

WRITE_ONCE = """
CREATE FUNCTION keep_what_happened() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'started_at and converted_at are written once' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER subscription_facts_stay BEFORE UPDATE OF started_at, converted_at ON subscription FOR EACH ROW
  WHEN (OLD.started_at IS NOT NULL AND NEW.started_at IS DISTINCT FROM OLD.started_at
     OR OLD.converted_at IS NOT NULL AND NEW.converted_at IS DISTINCT FROM OLD.converted_at)
  EXECUTE FUNCTION keep_what_happened();
"""


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0001_initial")]
    operations = [
        migrations.RunSQL(
            WRITE_ONCE, "DROP TRIGGER subscription_facts_stay ON subscription; DROP FUNCTION keep_what_happened()"
        ),
    ]
