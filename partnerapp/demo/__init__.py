"""The demo: an embedded PostgreSQL, a mail server, and a supervisor that runs the whole portal."""
