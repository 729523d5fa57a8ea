"""A list as a file: CSV, sent while it is read, or XLSX. No cell can be taken for a formula."""

import csv
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import xlsxwriter
from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone, translation

from partnerapp.actions import Words
from partnerapp.tables import Cell

FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
BEHIND_A_SEPARATOR = re.compile("(?<=.)([;\\t][\\s\u200c\u200d]*)(?=[=+@＝＋－＠-])")
Rows = Iterable[Sequence[Cell]]


def safe_cell(value: Cell) -> Cell:
    """Text that a spreadsheet would calculate gets an apostrophe in front, which spreadsheets read as "this is text".

    A part behind a semicolon or a tab, too: where these separate cells, it is one of its own.
    """
    if not isinstance(value, str):
        return value
    inside = BEHIND_A_SEPARATOR.sub(r"\1'", value)
    text = value.lstrip().lstrip("\u200c\u200d").lstrip()
    return f"'{inside}" if text.startswith(FORMULA) or value[:1] in {"\t", "\r"} else inside


def as_csv(name: str, headings: Sequence[Words], rows: Rows) -> HttpResponseBase:
    """Instants as ISO 8601 with their offset. The byte order mark tells Excel that this is UTF-8."""
    zone, language = timezone.get_current_timezone(), translation.get_language()

    def lines() -> Iterator[str]:
        writer = csv.writer(Echo())
        with timezone.override(zone), translation.override(language):  # the request's own ended before the last line
            yield "\ufeff" + writer.writerow([str(heading) for heading in headings])
            for row in rows:
                yield writer.writerow([plain(cell) for cell in row])

    return StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8", headers=attachment(f"{name}.csv"))


class Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def plain(cell: Cell) -> Cell:
    if isinstance(cell, datetime):
        return timezone.localtime(cell).isoformat(timespec="seconds")
    return safe_cell(cell)


def as_xlsx(name: str, headings: Sequence[Words], rows: Rows) -> HttpResponseBase:
    """Instants are date cells in the operator's time zone, which the sheet's name tells."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    zone = timezone.get_current_timezone_name()
    with xlsxwriter.Workbook(
        file, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        sheet = book.add_worksheet(f"Times in {zone}".replace("/", " ")[:31])
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(headings) - 1, 22)
        sheet.write_row(0, 0, [str(heading) for heading in headings], book.add_format({"bold": True}))
        when = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        for line, row in enumerate(rows, start=1):
            for column, cell in enumerate(row):
                write(sheet, line, column, cell, when)
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=f"{name}.xlsx")


def write(sheet: Any, line: int, column: int, cell: Cell, when: Any) -> None:
    if isinstance(cell, datetime):
        sheet.write_datetime(line, column, timezone.make_naive(cell), when)
    elif isinstance(cell, str):
        sheet.write_string(line, column, str(safe_cell(cell)))
    elif cell is not None:
        sheet.write_number(line, column, cell)


def attachment(filename: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{filename}"'}
