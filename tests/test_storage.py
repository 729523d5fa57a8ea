"""Our stylesheets are collected without what a browser does not read."""

from django.core.files.base import ContentFile

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


def test_comments_and_indentation_stay_behind(tmp_path):
    storage = StaticFiles(location=tmp_path)
    storage._save("css/card.css", ContentFile(CSS.encode()))
    storage._save("admin/css/card.css", ContentFile(CSS.encode()))
    assert (tmp_path / "css/card.css").read_text() == LEAN
    assert (tmp_path / "admin/css/card.css").read_text() == CSS  # others' licences stand in comments
