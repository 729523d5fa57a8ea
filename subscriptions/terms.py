"""The numbers of the trial (product.md). In hours: a day is 24 h, whatever a time zone does."""

from datetime import UTC, datetime, timedelta

TRIAL = timedelta(hours=336)  # R15
EXTENSION = timedelta(hours=168)  # R16
EXTENDED_TRIAL = TRIAL + EXTENSION
EXTENSION_WINDOW = timedelta(hours=72)  # R16
NOTICES = {7: timedelta(hours=168), 3: timedelta(hours=72), 1: timedelta(hours=24)}  # R20: days → before the deadline
EXPIRATION_NOTICES = {days: timedelta(hours=24 * days) for days in (30, 7, 1)}  # R26
NOTICE_LEAD = timedelta(hours=24)  # R20: accepted at least so long before the upgrade
UPGRADE_GRACE = timedelta(hours=48)  # R20: later than this after `upgrade_at` nothing converts by itself
HOLD = timedelta(hours=25)  # R20: a held upgrade is tried again after this
WAIT = timedelta(hours=1)  # R21: the sweep looks again whether a customer's Partner is active
FAR = datetime(9999, 12, 31, tzinfo=UTC)  # "never", in a column that must sort

UPGRADE_NOTICES = [f"subscriptions.upgrade_notice_{days}" for days in NOTICES]
EXPIRY_NOTICES = [f"subscriptions.trial_will_expire_{days}" for days in NOTICES]
TRIAL_MAILS = [*UPGRADE_NOTICES, *EXPIRY_NOTICES, "subscriptions.upgrade_held"]  # pointless once the trial changed
PRODUCTION_MAILS = [f"subscriptions.production_expires_{days}" for days in EXPIRATION_NOTICES]
ANNOUNCEMENTS = [*TRIAL_MAILS, *PRODUCTION_MAILS]  # what any change makes pointless; the sweep announces anew
