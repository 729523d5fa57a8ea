"""What a button, a drawer and an answer need to know about something that a person may do."""

from dataclasses import dataclass

from django.utils.functional import Promise

Words = str | Promise  # a sentence, perhaps one that is translated only when it is shown


class Refused(Exception):
    """A rule or a missing right refuses what was asked. The message is a whole sentence for the person who asked."""


class AlreadySo(Refused):
    """What was asked for holds already."""


class NotADemo(Exception):
    """Something that only a demo may do was asked of real data."""


@dataclass(frozen=True)
class Action:
    """One action on one row at one instant. `refusal` is the sentence that says why not and when; empty: allowed.

    `opens`: the drawer may be opened although the action itself is refused (Extend trial before its window, R16).
    """

    name: str
    refusal: str = ""
    opens: bool = False

    @property
    def allowed(self) -> bool:
        return not self.refusal

    @property
    def openable(self) -> bool:
        return self.allowed or self.opens

    def require(self) -> None:
        """Raise Refused with the sentence unless the action is allowed."""
        if self.refusal:
            raise Refused(self.refusal)
