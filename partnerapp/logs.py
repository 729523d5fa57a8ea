"""What must not stand in logs: links that open something for whoever has them."""

import logging
import re

LINK = re.compile(r"/(activate|invitations)/[^/\s\"']+")


class HideLinks(logging.Filter):
    """Replaces the token of an activation or invitation link in a record's text."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if LINK.search(text):
            record.msg, record.args = LINK.sub(r"/\1/…", text), ()
        return True
