"""How the static files are collected."""

import re
from typing import Any

from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

COMMENT, BREAK = re.compile(r"/\*.*?\*/", re.DOTALL), re.compile(r"\s*\n\s*")


class StaticFiles(CompressedManifestStaticFilesStorage):
    """Named after their content and compressed; our stylesheets go without their comments and indentation, a tenth of them."""

    def _save(self, name: str, content: Any) -> str:
        if name.startswith("css/"):
            whole = b"".join(content.chunks())  # from its beginning: whoever named the file after it has read it
            content = ContentFile(lean(whole.decode()).encode())
        return super()._save(name, content)


def lean(css: str) -> str:
    return BREAK.sub("\n", COMMENT.sub("", css)).strip()
