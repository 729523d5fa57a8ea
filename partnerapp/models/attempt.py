"""How often something was tried from one place: the count behind the rate limits."""

from datetime import datetime, timedelta

from django.db import connection, models

WINDOW = timedelta(minutes=1)


class Attempt(models.Model):
    """Tries of one kind from one place in the current window (wall time)."""

    key = models.CharField(primary_key=True, max_length=200)
    since = models.DateTimeField()
    count = models.PositiveIntegerField(default=1)

    class Meta:
        db_table = "attempt"

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"

    @classmethod
    def counted(cls, key: str, wall: datetime) -> int:
        """Count one more try and return how many there were within the last minute's window."""
        sql = """
            INSERT INTO attempt (key, since, count) VALUES (%(key)s, %(wall)s, 1)
            ON CONFLICT (key) DO UPDATE SET
              count = CASE WHEN attempt.since < %(start)s THEN 1 ELSE attempt.count + 1 END,
              since = CASE WHEN attempt.since < %(start)s THEN excluded.since ELSE attempt.since END
            RETURNING count
        """
        with connection.cursor() as cursor:
            cursor.execute(sql, {"key": key[:200], "wall": wall, "start": wall - WINDOW})
            return int(cursor.fetchone()[0])
