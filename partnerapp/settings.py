"""All settings, read from the environment. A missing or nonsensical one stops the start with one line that names it.

Without `DEMO` these are production settings. `docs` of each: README, "Settings".
"""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()


def required(name: str, what: str, default: str | None = None) -> str:
    value = os.environ.get(name, default if default is not None else "")
    if not value.strip():
        raise ImproperlyConfigured(f"{name} is missing: set it to {what}.")
    return value


def flag(name: str) -> bool:
    value = os.environ.get(name, "0").strip().lower()
    if value not in {"", "0", "1", "true", "false"}:
        raise ImproperlyConfigured(f"{name} is {value!r}: it should be 1 or 0.")
    return value in {"1", "true"}


def whole_number(name: str, default: int, least: int) -> int:
    value = os.environ.get(name, str(default))
    if not re.fullmatch("[0-9]{1,4}", value) or int(value) < least:
        raise ImproperlyConfigured(f"{name} is {value!r}: it should be a whole number from {least} to 9999.")
    return int(value)


def http_url(name: str, value: str, *, secure: bool) -> str:
    schemes = ("https",) if secure else ("http", "https")
    try:
        parts = urlsplit(value)
        fine = parts.scheme in schemes and parts.hostname and parts.port != 0 and not parts.path.strip("/")
    except ValueError:  # a port or an IPv6 address that is none
        fine = False
    if not fine:
        raise ImproperlyConfigured(f"{name} is {value!r}: it should be like {schemes[0]}://portal.example.com.")
    return value.rstrip("/")


def database(name: str) -> dict:
    url = required(name, "a Postgres URL such as postgres://user:password@host:5432/partnerapp")
    if not url.startswith(("postgres://", "postgresql://")):
        raise ImproperlyConfigured(f"{name} should start with postgres://; other databases are not supported.")
    try:
        config = env.db_url_config(url)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} cannot be read as a URL: {error}.") from error
    if not (config["NAME"] and config["USER"]):
        raise ImproperlyConfigured(f"{name} should name the user and the database: postgres://user:password@host/name.")
    statement = "0" if flag("DATABASE_AS_OWNER") else "15s"  # a migration may take its time; a page may not
    # Pages read little: starting parallel workers or a compiler takes longer than the statement itself.
    options = f"-c lock_timeout=3s -c statement_timeout={statement} -c max_parallel_workers_per_gather=0 -c jit=off"
    # Of what `partnerapp.prepared` asks; Django's own cursors never prepare anything.
    options += " -c plan_cache_mode=force_generic_plan"
    limits = {"options": options, "connect_timeout": 5}
    config["OPTIONS"] = config.get("OPTIONS", {}) | limits
    return config | {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}


# Who and where ------------------------------------------------------------------------------------------------------
DEMO = flag("DEMO")
if DEMO:
    DEMO_DIR = Path(required("DEMO_DIR", "the demo's data folder"))
TEST_CLOCK = flag("TEST_CLOCK")
PRODUCT_NAME = os.environ.get("PRODUCT_NAME", "CoreView")
SECRET_KEY = required("SECRET_KEY", "a long random string")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
BASE_URL = http_url("BASE_URL", required("BASE_URL", "the portal's own address, https://…"), secure=not DEMO)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[]) or [urlsplit(BASE_URL).hostname]
if "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS is '*': name the hosts, or leave it out for the one of BASE_URL.")
ACTIVATION_LINK_DAYS = whole_number("ACTIVATION_LINK_DAYS", 30, least=1)
TRUSTED_PROXIES = whole_number("TRUSTED_PROXIES", 0, least=0)  # how many proxies in front append to X-Forwarded-For
DEBUG = False

if TEST_CLOCK and not DEMO:
    raise ImproperlyConfigured("TEST_CLOCK is set in production: it moves the time of real subscriptions. Unset it.")
if not DEMO and len(SECRET_KEY) < 50:
    raise ImproperlyConfigured("SECRET_KEY is too short: set it to at least 50 random characters.")

# Microsoft 365 ------------------------------------------------------------------------------------------------------
M365_CLIENT_ID = required("M365_CLIENT_ID", "the application (client) id registered with Microsoft Entra")
if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", M365_CLIENT_ID):
    raise ImproperlyConfigured(f"M365_CLIENT_ID is {M365_CLIENT_ID!r}: it should be a GUID.")
M365_CLIENT_CERTIFICATE = os.environ.get("M365_CLIENT_CERTIFICATE", "")
M365_CLIENT_SECRET = os.environ.get("M365_CLIENT_SECRET", "")
if not (M365_CLIENT_CERTIFICATE or M365_CLIENT_SECRET):
    raise ImproperlyConfigured(
        "M365_CLIENT_CERTIFICATE is missing: set it to the path of a PEM file with the key and the certificate "
        "(or set M365_CLIENT_SECRET)."
    )
if M365_CLIENT_CERTIFICATE and not Path(M365_CLIENT_CERTIFICATE).is_file():
    raise ImproperlyConfigured(f"M365_CLIENT_CERTIFICATE is {M365_CLIENT_CERTIFICATE!r}: there is no such file.")
if M365_CLIENT_CERTIFICATE and not all(
    f"{block}-----" in Path(M365_CLIENT_CERTIFICATE).read_text(errors="replace")
    for block in ("PRIVATE KEY", "BEGIN CERTIFICATE")
):
    raise ImproperlyConfigured(
        f"M365_CLIENT_CERTIFICATE is {M365_CLIENT_CERTIFICATE!r}: the file should have the key and the certificate (PEM)."
    )
M365_SANDBOX_URL = os.environ.get("M365_SANDBOX_URL", "")
if M365_SANDBOX_URL and not DEMO:
    raise ImproperlyConfigured("M365_SANDBOX_URL is set in production: anybody could sign in as anybody. Unset it.")
M365_LOGIN_ORIGIN = M365_SANDBOX_URL or "https://login.microsoftonline.com"

# Applications -------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "partnerapp.staff.apps.StaffConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "django_htmx",
    "csp",
    "partnerapp",
    "subscriptions",
    "onboarding",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",  # so early that a refused host's page has it too
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "partnerapp.middleware.OperatorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "partnerapp.middleware.RefusalMiddleware",
]
ROOT_URLCONF = "partnerapp.urls"
WSGI_APPLICATION = "partnerapp.wsgi.application"
AUTH_USER_MODEL = "partnerapp.Operator"
AUTHENTICATION_BACKENDS = ["partnerapp.authentication.OperatorBackend"]
LOGIN_URL = "signin"
LOGIN_REDIRECT_URL = "admin:index"  # of staff who name no page; operators come back to where they were
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]  # of the Vendor's staff; operators have none
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["username", "name", "email"]},
    },
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["partnerapp.templatetags.portal"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "partnerapp.pages.shell.shell",
            ],
        },
    },
    {  # plain text: what people named is written as they named it
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "NAME": "text",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {"autoescape": False},
    },
    {  # the rows of the lists, *.jinja, which the tag `rows` draws
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {"environment": "partnerapp.jinja2.Environment"},
    },
]

# Database, sessions -------------------------------------------------------------------------------------------------
APP_DATABASE_ROLE = database("DATABASE_URL")["USER"]
AS_OWNER = flag("DATABASE_AS_OWNER") and bool(os.environ.get("DATABASE_OWNER_URL"))  # manage.py sets it
DATABASES = {"default": database("DATABASE_OWNER_URL" if AS_OWNER else "DATABASE_URL")}
SESSION_ENGINE = "partnerapp.sessions"
SESSION_COOKIE_AGE = 12 * 3600  # seconds: a working day
SESSION_COOKIE_NAME = "__Host-session"
CSRF_COOKIE_NAME = "__Host-csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True  # browsers treat http://localhost as secure, so the demo works too
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "partnerapp.pages.errors.csrf_failure"

# Celery -------------------------------------------------------------------------------------------------------------
REDIS_URL = os.environ.get("REDIS_URL", "")
if not REDIS_URL and not DEMO:
    raise ImproperlyConfigured("REDIS_URL is missing: set it to the broker, such as redis://host:6379/0.")
if REDIS_URL and not REDIS_URL.startswith(("redis://", "rediss://")):
    raise ImproperlyConfigured(f"REDIS_URL is {REDIS_URL!r}: it should be like redis://host:6379/0.")

# Mail ---------------------------------------------------------------------------------------------------------------
EMAIL_URL = required("EMAIL_URL", "the mail server, such as smtp+tls://user:password@host:587")
if not EMAIL_URL.startswith("smtp"):
    raise ImproperlyConfigured("EMAIL_URL should start with smtp://, smtp+tls:// or smtp+ssl://.")
try:
    env.email_url_config(EMAIL_URL)
except (ValueError, KeyError) as error:
    raise ImproperlyConfigured(f"EMAIL_URL cannot be read as a URL: {error}.") from error
vars().update({k: v for k, v in env.email_url_config(EMAIL_URL).items() if k.startswith("EMAIL_")})
EMAIL_TIMEOUT = 10  # seconds; Django's default is none, and a silent server would hold the sender for ever
EMAIL_FROM = DEFAULT_FROM_EMAIL = SERVER_EMAIL = required("EMAIL_FROM", "the sender, such as portal@example.com")
if not re.fullmatch(r"([^<>\r\n]* <)?[^@<>\s]+@[^@<>\s]+>?", EMAIL_FROM):
    raise ImproperlyConfigured(f"EMAIL_FROM is {EMAIL_FROM!r}: it should be like portal@example.com.")

# Pages and their security -------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
# Until there is a language beside that of the source: looking for its translations takes 7 % of a list's CPU.
USE_I18N = False
NUMBER_GROUPING = 3  # 1,234, where a number is asked for so
FORCE_SCRIPT_NAME = ""  # `BASE_URL` has no path; and addresses are looked up once, whatever a request calls its root
STATIC_URL = "static/"
STATIC_ROOT = None if DEMO else BASE_DIR / "staticfiles"  # the demo serves them from where they lie
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage" if DEMO else "partnerapp.storage.StaticFiles"
    }
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEMO  # the demo looks files up when asked, not all at every start
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF if DEMO else NONE],  # the demo's mailbox shows a mail in a sandboxed frame
        "base-uri": [NONE],
        "form-action": [SELF, M365_LOGIN_ORIGIN],  # "Connect Microsoft 365" is a form that ends there
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = not DEMO
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # a load balancer asks over plain HTTP
SECURE_HSTS_SECONDS = 0 if DEMO else 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEMO
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000  # bytes
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_500  # a bulk of 1,000 rows, each with what was seen of it

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "filters": {"links": {"()": "partnerapp.logs.HideLinks"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["links"]}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
