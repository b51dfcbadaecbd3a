"""Every route there is, from the modules that declare them. A module that is not listed here is not served."""

from typing import Final

from gateway import activity, bonuses, campaigns, catalogs, hot, loyalty, operations, players, sandbox, withdrawals
from gateway.declaring import RouteTable

MODULES: Final = (players, withdrawals, activity, bonuses, loyalty, campaigns, catalogs, operations)
"""Handled by FastAPI, in the order in which it looks for them; `sandbox` is served only where settings say so."""
ROUTES: Final = RouteTable(
    [*hot.DECLARED, *(route for module in (*MODULES, sandbox) for route in module.routes.declared)]
)
