#!/usr/bin/env python
"""Django's command line with this project's settings."""

import os
import sys

OWNER_COMMANDS = {
    "migrate",
    "seed_demo",
}  # they change tables or empty them: DATABASE_OWNER_URL, if there is one


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "partnerapp.settings")
    if OWNER_COMMANDS & set(sys.argv[1:2]) or sys.argv[1:3] == ["clock", "reset"]:
        os.environ["DATABASE_AS_OWNER"] = "1"
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))  # one line that names the setting


if __name__ == "__main__":
    main()
