"""The dashboards as code: one module each, in the words of `model`; `grafana` turns them into Grafana's JSON.

`python -m deploy.dashboards` writes all of them into `deploy/grafana/dashboards`.
"""

from deploy.dashboards import bonuses, engine, integrations, loyalty, money
from deploy.dashboards.model import Dashboard

DASHBOARDS: tuple[Dashboard, ...] = (
    engine.DASHBOARD,
    bonuses.DASHBOARD,
    loyalty.DASHBOARD,
    integrations.DASHBOARD,
    money.DASHBOARD,
)
