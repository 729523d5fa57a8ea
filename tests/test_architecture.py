"""Imports go one way, models read no clock, nothing is scheduled in the broker, pages have no inline script or style."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
APPS = ("partnerapp", "subscriptions", "onboarding")
ROOF = ("partnerapp.pages", "partnerapp.urls", "partnerapp.demo", "partnerapp.management", "partnerapp.settings")
SANDBOX = "partnerapp.microsoft365.sandbox"
FILES = {
    ".".join(path.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__"): path
    for app in APPS
    for path in sorted((CHECKOUT / app).rglob("*.py"))
    if "migrations" not in path.parts
}


def below(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere in a file, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports(*packages: str) -> Iterator[tuple[str, str]]:
    """(who imports, what) of our own modules in these packages."""
    for module, path in FILES.items():
        if below(module, *packages):
            yield from ((module, name) for name in imported(ast.parse(path.read_text())) if below(name, *APPS))


def foundation() -> list[tuple[str, str]]:
    return [(who, what) for who, what in imports("partnerapp") if not below(who, *ROOF)]


def test_there_is_something_to_look_at():
    assert len(FILES) > 80
    assert ("onboarding.models.facts", "subscriptions.models.Subscription") in set(imports("onboarding"))


def test_the_foundation_imports_neither_app():
    assert [pair for pair in foundation() if below(pair[1], "subscriptions", "onboarding")] == []


def test_subscriptions_does_not_know_of_onboarding():
    assert [pair for pair in imports("subscriptions") if below(pair[1], "onboarding")] == []


LAZY = {  # the context processor's demo bar, and the roof's own
    ("partnerapp.pages.shell", "partnerapp.demo.bar.bar"),
}


def test_nobody_imports_the_roof():
    below_the_roof = [*foundation(), *imports("subscriptions", "onboarding")]
    assert [pair for pair in below_the_roof if below(pair[1], *ROOF)] == []


def test_the_pages_import_no_demo():
    found = {pair for pair in imports("partnerapp.pages") if below(pair[1], "partnerapp.demo")}
    assert found <= LAZY


def test_the_sandbox_is_reached_by_one_lazy_import():
    found = {
        (who, what)
        for who, what in imports(*APPS)
        if below(what, SANDBOX) and not below(who, SANDBOX, "partnerapp.demo", "partnerapp.management")
    }
    assert found == {("partnerapp.microsoft365.http", f"{SANDBOX}.transport")}
    tree = ast.parse(FILES["partnerapp.microsoft365.http"].read_text())
    at_the_top = {name for node in tree.body if not isinstance(node, ast.FunctionDef) for name in imported(node)}
    assert not any(below(name, SANDBOX) for name in at_the_top)


LAYERS = ["emails", "models", "forms", ("views", "tasks", "actions", "adding", "add_partner", "add_customer", "admin")]


def layer(module: str) -> int | None:
    parts = module.split(".")
    names = [
        (number, name) for number, names in enumerate(LAYERS) for name in ([names] if isinstance(names, str) else names)
    ]
    return next((number for number, name in names if len(parts) > 1 and parts[1] == name), None)


@pytest.mark.parametrize("app", ["subscriptions", "onboarding"])
def test_inside_an_app_imports_go_down(app):
    """views, tasks → forms → models. Composers of mails are found by name when a mail is sent; a view may show one."""
    ours = [pair for pair in imports(app) if below(pair[1], app)]
    up = [(who, what) for who, what in ours if layer(what) is not None and (layer(who) or 0) < layer(what)]
    assert [pair for pair in up if layer(pair[0]) is not None and layer(pair[0]) > 0] == []
    assert [pair for pair in ours if below(pair[1], f"{app}.emails") and layer(pair[0]) != len(LAYERS) - 1] == []


def calls(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


CLOCKS = re.compile(r"(^|\.)(clock\.(now|wall)|timezone\.now|datetime\.(now|utcnow|today)|date\.today|time\.time)$")


def test_no_model_reads_a_clock():
    models = {module: path for module, path in FILES.items() if ".models" in module}
    assert len(models) > 10
    assert [
        module for module, path in models.items() if any(map(CLOCKS.search, calls(ast.parse(path.read_text()))))
    ] == []


def test_only_the_clock_asks_the_machine():
    """Business time and wall time come from `clock`; only the sandbox, which plays Microsoft, has its own."""
    readers = {
        module
        for module, path in FILES.items()
        if any(CLOCKS.search(c) for c in calls(ast.parse(path.read_text())) if "clock." not in c)
    }
    assert {module for module in readers if not below(module, SANDBOX, "partnerapp.demo")} <= {
        "partnerapp.clock",
        "partnerapp.microsoft365.http",  # Retry-After as a date
    }


def test_nothing_waits_in_the_broker():
    """What is due is asked of the database: no eta, no countdown, no retry."""
    for module, path in FILES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            names = {keyword.arg for keyword in node.keywords} if isinstance(node, ast.Call) else set()
            assert not names & {"eta", "countdown"}, module
            assert not (isinstance(node, ast.Attribute) and node.attr in {"apply_async", "send_task", "retry"}), module


PAGES = [path for path in sorted((CHECKOUT / "templates").rglob("*.html")) if "emails" not in path.parts]
ROWS = sorted((CHECKOUT / "templates").rglob("*.jinja"))  # a comment of Jinja2 may have several lines


@pytest.mark.parametrize("page", [*PAGES, *ROWS], ids=lambda path: str(path.relative_to(CHECKOUT / "templates")))
def test_a_template_has_no_inline_script_or_style(page):
    """The strict Content-Security-Policy would stop it."""
    text = page.read_text()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|hx-on|hx-vals=.js:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(CHECKOUT / "templates")))
def test_a_templates_comment_ends_on_its_line(page):
    """One that goes on in the next line would be shown to people."""
    assert [line for line in page.read_text().splitlines() if line.count("{#") != line.count("#}")] == []
