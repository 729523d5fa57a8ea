"""The demo's mailbox: reads the files that the demo's mail server keeps, and shows them."""

import re
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

from csp.decorators import csp_replace
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from partnerapp.access import public

NEWEST = 100


def folder() -> Path:
    return Path(settings.DEMO_DIR) / "mail"


def files() -> list[Path]:
    """The newest mails first."""
    return sorted(folder().glob("*.eml"), reverse=True)[:NEWEST]


def seen(path: Path) -> Path:
    return path.with_suffix(".seen")


def unread() -> int:
    return sum(not seen(path).exists() for path in files())


def read(path: Path) -> EmailMessage:
    return message_from_bytes(path.read_bytes(), policy=policy.default)


def find(name: str) -> Path:
    path = folder() / f"{name}.eml"
    if not re.fullmatch(r"[0-9-]+", name) or not path.is_file():
        raise Http404
    return path


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    return body.get_content() if body else ""


def links(mail: EmailMessage) -> list[dict[str, str]]:
    found = dict.fromkeys(re.findall(rf"{re.escape(settings.BASE_URL)}/\S*", part(mail, "plain")))
    return [{"label": url.removeprefix(settings.BASE_URL)[:32], "url": url} for url in found]


def entry(path: Path, current: str = "") -> dict:
    mail = read(path)
    return {
        "id": path.stem,
        "url": reverse("demo_mail", args=[path.stem]),
        "subject": str(mail["Subject"]).strip(),
        "to": str(mail["To"]),
        "sent_at": sent_at(mail),
        "unread": not seen(path).exists(),
        "current": path.stem == current,
    }


def sent_at(mail: EmailMessage) -> datetime:
    return parsedate_to_datetime(str(mail["Date"]))


@public
@require_safe
def mailbox(request: HttpRequest) -> HttpResponse:
    return render(request, "demo/mailbox.html", {"mails": [entry(path) for path in files()], "mail": None})


@public
@require_safe
def mailbox_json(request: HttpRequest) -> JsonResponse:
    """The same for tests: subject, recipient, text and links of each mail, newest first."""
    rows = []
    for path in files():
        mail = read(path)
        facts = {"text": part(mail, "plain"), "links": [link["url"] for link in links(mail)]}
        rows.append(entry(path) | facts | {"message_id": str(mail["Message-ID"])})
    return JsonResponse({"mails": rows})


@public
@require_safe
def show(request: HttpRequest, name: str) -> HttpResponse:
    path = find(name)
    seen(path).touch()
    mail, here = read(path), reverse("demo_mail", args=[name])
    shown = {
        "subject": str(mail["Subject"]).strip(),
        "sender": str(mail["From"]),
        "to": str(mail["To"]),
        "sent_at": sent_at(mail),
        "html_url": reverse("demo_mail_html", args=[name]),
        "text": part(mail, "plain"),
        "links": links(mail),
        "attachments": [],
        "view": "text" if request.GET.get("view") == "text" else "html",
        "html_view_url": here,
        "text_view_url": f"{here}?view=text",
    }
    return render(request, "demo/mailbox.html", {"mails": [entry(p, name) for p in files()], "mail": shown})


@public
@require_safe
@xframe_options_sameorigin
@csp_replace(  # type: ignore[arg-type]  # its stub knows views without arguments only
    {"default-src": ["'none'"], "style-src": ["'unsafe-inline'"], "img-src": ["data:"], "frame-ancestors": ["'self'"]}
)
def html(request: HttpRequest, name: str) -> HttpResponse:
    """A mail's HTML for the sandboxed frame: inline styles, and nothing else."""
    return HttpResponse(part(read(find(name)), "html"))
