from typing import Any

from onboarding import tenant_import
from partnerapp.management.json_command import JsonCommand


class Command(JsonCommand):
    help = "One pass over proofs and imports that can go on. Safe to repeat; needs no Redis."

    def answer(self, **options: Any) -> dict[str, Any]:
        return tenant_import.import_tenants()
