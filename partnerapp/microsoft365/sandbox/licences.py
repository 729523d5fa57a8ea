"""The users of a tenant and their licences, computed when asked for: user number i is always the same."""

from typing import Any

SKUS = {
    "SPE_E3": "05e9a617-0261-4cee-bb44-138d3ef5d965",
    "O365_BUSINESS_PREMIUM": "f245ecc8-75af-4f8e-b61f-27d8114de5f3",
    "EXCHANGESTANDARD": "4b9405b0-7788-4568-add1-99614e613b69",
}


def enabled(number: int) -> bool:
    return number % 10 != 9


def assigned(number: int) -> list[str]:
    """The products of a user: none for every seventh, two for every twelfth."""
    if number % 7 == 3:
        return []
    names = list(SKUS)
    first = names[number % 3]
    return [first, names[(number + 1) % 3]] if number % 12 == 0 else [first]


def user(tid: str, number: int) -> dict[str, Any]:
    return {
        "id": f"{tid[:23]}-{number:012x}",
        "accountEnabled": enabled(number),
        "assignedLicenses": [{"skuId": SKUS[name], "disabledPlans": []} for name in assigned(number)],
    }


def users(tid: str, first: int, count: int) -> list[dict[str, Any]]:
    return [user(tid, number) for number in range(first, first + count)]


def seats(count: int) -> int:
    """How many of a tenant's `count` users are enabled and have a licence."""
    return sum(1 for number in range(count) if enabled(number) and assigned(number))


def consumed(count: int) -> dict[str, int]:
    """How many of a tenant's `count` users have each product, by its name."""
    totals = dict.fromkeys(SKUS, 0)
    for number in range(count):
        for name in assigned(number):
            totals[name] += 1
    return totals


def subscribed_skus(tid: str, count: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{tid}_{SKUS[name]}",
            "skuId": SKUS[name],
            "skuPartNumber": name,
            "capabilityStatus": "Enabled",
            "consumedUnits": taken,
            "prepaidUnits": {"enabled": taken + 5, "suspended": 0, "warning": 0, "lockedOut": 0},
        }
        for name, taken in consumed(count).items()
    ]
