"""The tenants and people of the sandbox. Their ids come from their names, so they are always the same."""

import uuid
from dataclasses import dataclass

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "microsoft365.sandbox.example")
PERSONAL_ACCOUNTS = "9188040d-6c67-4c5b-b112-36a304b66dad"  # Microsoft's own, for all personal accounts
ADMINISTRATOR = "Global Administrator: may grant permissions"
MEMBER = "Not an administrator: cannot grant permissions"


def guid(*names: str) -> str:
    return str(uuid.uuid5(NAMESPACE, "/".join(names)))


@dataclass(frozen=True)
class Tenant:
    """A directory. How it behaves can be changed while the sandbox runs; these are its settings at the start.

    `propagation`: seconds from consent until it is visible. `page_delay`: milliseconds per page of users.
    `withheld`: a permission that is not granted although everything was accepted.
    """

    name: str
    domain: str
    country: str = "US"
    users: int = 40
    consented: bool = False
    propagation: float = 0
    page_delay: int = 0
    withheld: str = ""
    listed_last: bool = False
    fixed_tid: str = ""

    @property
    def tid(self) -> str:
        return self.fixed_tid or guid("tenant", self.name)


@dataclass(frozen=True)
class Person:
    """Somebody in the account picker. `email` is what the ID token says; it may well be somebody else's."""

    name: str
    tenant: Tenant
    admin: bool = True
    note: str = ""
    address: str = ""
    claimed_email: str = ""

    @property
    def oid(self) -> str:
        return guid("person", self.tenant.name, self.name)

    @property
    def username(self) -> str:
        return self.address or f"{self.name.split()[0].lower()}@{self.tenant.domain}"

    @property
    def email(self) -> str:
        return self.claimed_email or self.username

    @property
    def may(self) -> str:
        return self.note or (ADMINISTRATOR if self.admin else MEMBER)


CONTOSO = Tenant("Contoso Distribution", "contoso.example", "DE", users=260, consented=True)
LITWARE = Tenant("Litware", "litware.example", "FR", users=120, consented=True)
NORTHWIND = Tenant("Northwind", "northwind.example", "US", users=140, consented=True)
FABRIKAM = Tenant("Fabrikam", "fabrikam.example", "GB", users=85, consented=True)
TAILSPIN = Tenant("Tailspin", "tailspin.example", "US", users=64, consented=True)
WINGTIP = Tenant("Wingtip", "wingtip.example", "US", users=31, consented=True)
LUCERNE = Tenant("Lucerne", "lucerne.example", "CH", users=52, consented=True)
TREY = Tenant("Trey", "trey.example", "US", users=18, consented=True)
ADATUM = Tenant("Adatum", "adatum.example", "US", users=45)
PROSEWARE = Tenant("Proseware", "proseware.example", "AT", users=38, consented=True, withheld="User.Read.All")
FOURTH_COFFEE = Tenant("Fourth Coffee", "fourthcoffee.example", "IT", users=1_030, page_delay=1_500)
WOODGROVE = Tenant("Woodgrove", "woodgrove.example", "US", users=75)
ALPINE = Tenant("Alpine", "alpine.example", "CH", users=50_000)
COHO = Tenant("Coho", "coho.example", "US", users=27, propagation=20)
DATUM_HOSPITAL = Tenant("Datum Hospital", "datumhospital.example", "US", users=410, consented=True)
RELECLOUD = Tenant("Relecloud", "relecloud.example", "SE", users=95, consented=True)
MARGIES_TRAVEL = Tenant("Margie's Travel", "margiestravel.example", "IE", users=22, consented=True)
HUMONGOUS = Tenant("Humongous", "humongous.example", "US", users=2_400, consented=True)
VANARSDEL = Tenant("VanArsdel", "vanarsdel.example", "NL", users=58, consented=True)
LAMNA = Tenant("Lamna Healthcare", "lamna.example", "US", users=120, consented=True)
MUNSONS = Tenant("Munson's Pickles", "munsons.example", "US", users=16, consented=True)
NOD = Tenant("Nod Publishers", "nod.example", "GB", users=34, consented=True)
FINE_ART = Tenant("School of Fine Art", "fineart.example", "FR", users=210, consented=True, withheld="User.Read.All")
ORGANICS = Tenant("Best For You Organics", "organics.example", "US", users=47, consented=True)
GRAPHIC_DESIGN = Tenant("Graphic Design Institute", "graphicdesign.example", "DK", users=150, consented=True)
SOUTHRIDGE = Tenant("Southridge Video", "southridge.example", "US", users=29)
BLUE_YONDER = Tenant("Blue Yonder", "blueyonder.example", "US", users=3, listed_last=True)
PERSONAL = Tenant("Personal accounts", "outlook.example", users=0, listed_last=True, fixed_tid=PERSONAL_ACCOUNTS)

TENANTS = (
    CONTOSO, LITWARE, NORTHWIND, FABRIKAM, TAILSPIN, WINGTIP, LUCERNE, TREY, ADATUM, PROSEWARE, FOURTH_COFFEE,
    WOODGROVE, ALPINE, COHO, DATUM_HOSPITAL, RELECLOUD, MARGIES_TRAVEL, HUMONGOUS, VANARSDEL, LAMNA, MUNSONS,
    NOD, FINE_ART, ORGANICS, GRAPHIC_DESIGN, SOUTHRIDGE, BLUE_YONDER, PERSONAL,
)  # fmt: skip

ALICE = Person("Alice Adler", CONTOSO)
VICTOR = Person("Victor Vance", CONTOSO, admin=False)
BEATE = Person("Beate Brandt", CONTOSO, admin=False)
DIRK = Person("Dirk Dorn", CONTOSO, admin=False)
NINA = Person("Nina Novak", CONTOSO, admin=False)
OSKAR = Person("Oskar Ohm", CONTOSO, admin=False, address="oskar@contosso.example")  # mistyped, so there is nobody
MALLORY = Person("Mallory Moss", LITWARE)
BOB = Person("Bob Berg", NORTHWIND)
CHARLIE = Person("Charlie Cole", FABRIKAM)
TINA = Person("Tina Tran", TAILSPIN)
WILL = Person("Will Weber", WINGTIP)
LUCY = Person("Lucy Lund", LUCERNE)
THEO = Person("Theo Thorn", TREY)
ADA = Person("Ada Abel", ADATUM)
ADAM = Person("Adam Ames", ADATUM, admin=False)
PAULA = Person("Paula Pohl", PROSEWARE)
FIONA = Person("Fiona Ford", FOURTH_COFFEE)
WANDA = Person("Wanda Wolf", WOODGROVE)
WALTER = Person("Walter Wirth", WOODGROVE, admin=False)
ANTON = Person("Anton Alm", ALPINE)
CORA = Person("Cora Cohn", COHO)
DANA = Person("Dana Day", DATUM_HOSPITAL)
RITA = Person("Rita Reed", RELECLOUD)
MARGIE = Person("Margie Marsh", MARGIES_TRAVEL)
HUGO = Person("Hugo Hill", HUMONGOUS)
VERA = Person("Vera Vos", VANARSDEL)
LENA = Person("Lena Lang", LAMNA)
MAX = Person("Max Munson", MUNSONS)
NORA = Person("Nora Nash", NOD)
FELIX = Person("Felix Faure", FINE_ART)
OLIVIA = Person("Olivia Ott", ORGANICS)
GRETA = Person("Greta Gram", GRAPHIC_DESIGN)
SIMON = Person("Simon South", SOUTHRIDGE)
PAT = Person("Pat Porter", PERSONAL, note="Personal account: the portal must refuse it")
GUEST = Person(
    "Bob Berg (guest)",
    FABRIKAM,
    admin=False,
    note="Guest in Fabrikam: another identity than Bob of Northwind",
    address="bob_northwind.example#EXT#@fabrikam.example",
    claimed_email=BOB.username,
)
EVE = Person(
    "Eve Evers",
    BLUE_YONDER,
    note="Claims Alice's email address: the portal must not take her for Alice",
    claimed_email=ALICE.username,
)

PEOPLE = (
    ALICE, VICTOR, BEATE, DIRK, NINA, MALLORY, BOB, CHARLIE, TINA, WILL, LUCY, THEO, ADA, ADAM, PAULA, FIONA, WANDA,
    WALTER, ANTON, CORA, DANA, RITA, MARGIE, HUGO, VERA, LENA, MAX, NORA, FELIX, OLIVIA, GRETA, SIMON, PAT, GUEST, EVE,
)  # fmt: skip
OTHERS = (PAT, GUEST, EVE)
