"""The portal's production settings, with the collected static files outside the checkout."""

import os
from pathlib import Path

from partnerapp.settings import *  # noqa: F403

STATIC_ROOT = Path(os.environ["STATIC_ROOT"])
