from onboarding.models.import_run import ImportRun
from onboarding.models.onboarding import Onboarding

__all__ = ["ImportRun", "Onboarding"]
