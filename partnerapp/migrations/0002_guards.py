"""What Django cannot declare: the tree stays in one piece, and events are never rewritten."""

from django.db import migrations

TREE = """
ALTER TABLE organization ADD CONSTRAINT parent_in_the_same_tree
  FOREIGN KEY (parent_id, distributor_id) REFERENCES organization (id, distributor_id) DEFERRABLE INITIALLY DEFERRED;
"""
APPEND_ONLY = """
CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER event_is_append_only BEFORE UPDATE OR DELETE ON event
  FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
"""


class Migration(migrations.Migration):
    dependencies = [("partnerapp", "0001_initial")]
    operations = [
        migrations.RunSQL(TREE, "ALTER TABLE organization DROP CONSTRAINT parent_in_the_same_tree"),
        migrations.RunSQL(APPEND_ONLY, "DROP TRIGGER event_is_append_only ON event; DROP FUNCTION refuse_rewriting()"),
    ]
