from partnerapp.models.attempt import Attempt
from partnerapp.models.clock import ClockOffset
from partnerapp.models.event import Event
from partnerapp.models.job import Job
from partnerapp.models.message import Message
from partnerapp.models.operator import Operator
from partnerapp.models.organization import Organization
from partnerapp.models.signin import SigninFlow

__all__ = ["Attempt", "ClockOffset", "Event", "Job", "Message", "Operator", "Organization", "SigninFlow"]
