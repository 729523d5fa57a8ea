"""The floor: the least that a Django view does for the same page. Session, operator, three statements, f-strings.

Served as `bench.floor:application`.
"""

from collections import defaultdict
from datetime import UTC, date, datetime
from html import escape

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path

ROWS = """
SELECT o.id, o.name, o.notification_email, s.started_at, s.ends_at, s.blocked_at, s.held_at, s.cancelled_at,
       s.converted_at, s.seats, s.extended_at
FROM subscription s JOIN organization o ON o.id = s.organization_id
WHERE s.distributor_id = %s AND s.kind = 'partner' AND s.imported_at IS NOT NULL
ORDER BY s.sort_at, s.organization_id LIMIT 25"""
CUSTOMER_ROWS = """
SELECT o.id, o.name, o.notification_email, o.source, p.name, s.started_at, s.ends_at, s.blocked_at, s.held_at,
       s.cancelled_at, s.converted_at, s.seats, s.expires_on
FROM subscription s JOIN organization o ON o.id = s.organization_id JOIN organization p ON p.id = o.parent_id
WHERE s.distributor_id = %s AND s.kind = 'customer' AND s.imported_at IS NOT NULL
ORDER BY s.sort_at, s.organization_id LIMIT 25"""
PRODUCTS = """
SELECT h.subscription_id, p.name FROM subscription_product h JOIN product p ON p.code = h.product_id
WHERE h.subscription_id = ANY (%s) AND h.until_at IS NULL ORDER BY p.kind DESC, p.name"""
CUSTOMERS = "SELECT parent_id, count(*) FROM organization WHERE parent_id = ANY (%s) GROUP BY parent_id"
HEAD = ["Organization", "Level", "Trial", "After trial", "SKUs", "Customers", "Seats", "Extended"]
CUSTOMER_HEAD = [
    "Customer", "Source", "Partner", "Level", "Trial", "After trial", "SKU and add-ons", "Expiration date", "Seats"
]  # fmt: skip


def partners(request: HttpRequest) -> HttpResponse:
    rows = ask(ROWS, request.user.organization_id)  # type: ignore[union-attr]
    ids = [row[0] for row in rows]
    products, customers = products_of(ids), dict(ask(CUSTOMERS, ids))
    now = datetime.now(UTC)
    body = "".join(line(now, *row, products=products[row[0]], customers=customers.get(row[0], 0)) for row in rows)
    return page("Partners", request.user.name, HEAD, body)  # type: ignore[union-attr]


def customers(request: HttpRequest) -> HttpResponse:
    rows = ask(CUSTOMER_ROWS, request.user.organization_id)  # type: ignore[union-attr]
    products, now = products_of([row[0] for row in rows]), datetime.now(UTC)
    body = "".join(customer_line(now, *row, products=products[row[0]]) for row in rows)
    return page("Customers", request.user.name, CUSTOMER_HEAD, body)  # type: ignore[union-attr]


def products_of(ids: list[int]) -> dict[int, list[str]]:
    products = defaultdict(list)
    for pk, name in ask(PRODUCTS, ids):
        products[pk].append(name)
    return products


def page(title: str, name: str, headings: list[str], body: str) -> HttpResponse:
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    return HttpResponse(
        f"<!doctype html><title>{title}</title><h1>{title}</h1><p>{escape(name)}</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def ask(sql: str, parameter: int | list[int] | None) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [parameter])
        return cursor.fetchall()


def line(
    now: datetime, pk: int, name: str, email: str, started_at: datetime, ends_at: datetime, blocked_at: datetime | None,
    held_at: datetime | None, cancelled_at: datetime | None, converted_at: datetime | None, seats: int,
    extended_at: datetime | None, *, products: list[str], customers: int,
) -> str:  # fmt: skip
    """A row of Partners."""
    seen = cells(now, ends_at, blocked_at, held_at, cancelled_at, converted_at)
    extended = f"{extended_at:%-d %b %Y}" if extended_at else "–"
    return (
        f'<tr><td><input type="checkbox" name="id" value="{pk}"></td><td>{escape(name)}<br>{escape(email)}</td>'
        f"{seen}<td>{', '.join(map(escape, products))}</td><td>{customers:,}</td><td>{seats:,}</td><td>{extended}</td></tr>"
    )


def customer_line(
    now: datetime, pk: int, name: str, email: str, source: str, partner: str, started_at: datetime, ends_at: datetime,
    blocked_at: datetime | None, held_at: datetime | None, cancelled_at: datetime | None, converted_at: datetime | None,
    seats: int, expires_on: date | None, *, products: list[str],
) -> str:  # fmt: skip
    """A row of Customers."""
    seen = cells(now, ends_at, blocked_at, held_at, cancelled_at, converted_at)
    expires = f"{expires_on:%-d %b %Y}" if expires_on else "–"
    return (
        f'<tr><td><input type="checkbox" name="id" value="{pk}"></td><td>{escape(name)}<br>{escape(email)}</td>'
        f"<td>{source}</td><td>{escape(partner)}</td>{seen}<td>{', '.join(map(escape, products))}</td><td>{expires}</td>"
        f"<td>{seats:,}</td></tr>"
    )


def cells(
    now: datetime, ends_at: datetime, blocked_at: datetime | None, held_at: datetime | None,
    cancelled_at: datetime | None, converted_at: datetime | None,
) -> str:  # fmt: skip
    """Level, trial, and what comes after it."""
    over = converted_at or cancelled_at
    level = "PRODUCTION" if converted_at else "TRIAL"
    state = "Cancelled" if cancelled_at else "Held" if held_at else "Expired" if ends_at <= now and not over else ""
    trial = "–" if over else f"{(ends_at - now).days} days left · {ends_at:%-d %b %Y}"
    after = "–" if over else "Held" if held_at else "Blocked — will expire" if blocked_at else "Upgrades to Production"
    return f"<td>{level} {state}</td><td>{trial}</td><td>{after}</td>"


urlpatterns = [path("invoice/partners/", partners), path("manage/customers/", customers)]
settings.ROOT_URLCONF = __name__
settings.MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
application = get_wsgi_application()
