"""The form of every id: one definition for the catalog, which names things, and for the API, which carries the names.

Each is a pattern of a whole id, without anchors. A catalog with an id that does not have its form is refused, since
nobody could ask for what it names.
"""

from typing import Final

IDENTIFIER: Final = r"[A-Za-z0-9._:@~-]{1,64}"
"""Players and games."""
IDENTIFIER_WORDS: Final = "1 to 64 of A-Z a-z 0-9 . _ : @ ~ -"
"""The form of `IDENTIFIER` in words, for messages."""
SLUG: Final = r"[a-z0-9][a-z0-9_-]{0,63}"
"""Campaigns, levels, workflows and offers: every one of these is an `IDENTIFIER` as well."""
SEGMENT: Final = r"[a-z0-9_-]{1,32}"
"""Groups that the platform puts players into."""
EVENT_NAME: Final = r"[!-~]{1,64}"
"""Custom events."""
REFERENCE: Final = r"[!-~]{1,128}"
"""References that others give: round ids, transaction ids, devices, payment instruments."""
OWN_ID: Final = r"[A-Za-z0-9._:@~-]{1,128}"
"""Ids that Croupier gives: of rounds, grants, packages, withdrawals, redemptions."""
CURRENCY: Final = r"[A-Z]{3}"
"""ISO 4217."""
COUNTRY: Final = r"[A-Z]{2}"
"""ISO 3166."""
