"""Every route there is, from the modules that declare them. A module that is not listed here is not served."""

from typing import Final

from gateway.declaring import RouteTable
from gateway.routes.bonuses import routes as bonuses
from gateway.routes.catalogs import campaigns
from gateway.routes.catalogs import routes as catalogs
from gateway.routes.loyalty import routes as loyalty
from gateway.routes.operations import live, readers, sandbox, webhooks
from gateway.routes.operations import routes as operations
from gateway.routes.players import activity, withdrawals
from gateway.routes.players import routes as players
from gateway.routes.proof import approvals, audit, disputes, explain, history, receipts, reports
from gateway.spin import hot_routes as hot

MODULES: Final = (
    players,
    withdrawals,
    activity,
    bonuses,
    loyalty,
    campaigns,
    catalogs,
    operations,
    live,
    readers,
    webhooks,
    receipts,
    history,
    explain,
    disputes,
    audit,
    approvals,
    reports,
)
"""Handled by FastAPI, in the order in which it looks for them; `sandbox` is served only where settings say so."""
ROUTES: Final = RouteTable(
    [*hot.DECLARED, *(route for module in (*MODULES, sandbox) for route in module.routes.declared)]
)
