"""Our stylesheets are collected without what a browser does not read."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage

from partnerapp.storage import StaticFiles

CSS = """
/* Why it is
   so. */
.card { margin: calc(1px + 2px); }

@media (width < 600px) {
    .card { content: "a  b"; } /* as it is */
}
"""
LEAN = '.card { margin: calc(1px + 2px); }\n@media (width < 600px) {\n.card { content: "a  b"; }\n}'


@pytest.mark.parametrize(("name", "collected"), [("css/card.css", LEAN), ("admin/css/card.css", CSS)])
def test_comments_and_indentation_stay_behind(tmp_path, name, collected):
    """In what is served, too, which is named after its content. Others' licences stand in comments."""
    source, storage = FileSystemStorage(tmp_path / "source"), StaticFiles(tmp_path / "static", "/static/")
    source.save(name, ContentFile(CSS.encode()))
    storage.save(name, source.open(name))
    list(storage.post_process({name: (source, name)}))
    served = storage.stored_name(name)
    assert served != name
    assert [(tmp_path / "static" / each).read_text() for each in (name, served)] == [collected] * 2
