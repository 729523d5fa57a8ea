import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application


class Utf8Request(WSGIRequest):
    """Addresses and forms are UTF-8, whatever charset a Content-Type names: Python knows some that are none for text, and
    some that make half characters, which no database takes. Django would fail on them before any middleware.
    """

    encoding = property(lambda self: "utf-8", lambda self, charset: None)


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "partnerapp.settings")
try:
    application = get_wsgi_application()
    application.request_class = Utf8Request
except ImproperlyConfigured as error:
    print(error, file=sys.stderr)
    sys.exit(3)  # gunicorn's "failed to boot": it stops, and does not start this worker again and again
