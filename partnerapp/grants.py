"""What the app's own database role may do, when it is not the owner: everything but rewrite the past."""

from django.conf import settings
from django.db import connection

APPEND_ONLY = ("event",)


def grant_to_app_role(**_signal: object) -> None:
    """After migrate as the owner: tables and sequences to the app role; of events SELECT and INSERT only."""
    if not settings.AS_OWNER:
        return
    role = connection.ops.quote_name(settings.APP_DATABASE_ROLE)
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
        for verb in ("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES", "GRANT USAGE, SELECT ON ALL SEQUENCES"):
            cursor.execute(f"{verb} IN SCHEMA public TO {role}")
        cursor.execute(
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}"
        )
        for table in APPEND_ONLY:
            cursor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {role}")
