"""Dashboards as the JSON that Grafana reads when it starts (its "classic" model, which versions 10 to 13 read)."""

import json
from collections.abc import Iterator
from typing import Any, Final

from deploy.dashboards.model import UNITS, WIDTH, Dashboard, Panel, Query, Text

DATASOURCE: Final = {"type": "prometheus", "uid": "croupier-prometheus"}
"""As `deploy/grafana/provisioning/datasources/prometheus.yml` names it."""
SCHEMA_VERSION: Final = 39
TAG: Final = "croupier"
GREEN, ORANGE, RED = "green", "orange", "red"


def render(dashboard: Dashboard) -> str:
    """The file of one dashboard: the same bytes for the same dashboard."""
    return json.dumps(document(dashboard), indent=1, ensure_ascii=False) + "\n"


def document(dashboard: Dashboard) -> dict[str, Any]:
    """What Grafana calls the dashboard's model."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.says,
        "tags": [TAG],
        "editable": False,
        "graphTooltip": 1,
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "timezone": "utc",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "links": [_link()],
        "templating": {"list": []},
        "annotations": {"list": []},
        "panels": list(_panels(dashboard)),
    }


def _link() -> dict[str, Any]:
    """From each dashboard to all others."""
    return {
        "title": "Croupier",
        "type": "dashboards",
        "tags": [TAG],
        "asDropdown": True,
        "includeVars": False,
        "keepTime": True,
        "targetBlank": False,
    }


def _panels(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    """Placed from left to right. Each row begins below the highest panel of the row before."""
    number, y = 0, 0
    for row in dashboard.rows:
        number += 1
        yield {"id": number, "type": "row", "title": row.title, "collapsed": False, "panels": [], **_at(0, y, WIDTH, 1)}
        x, y, height = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > WIDTH:
                x, y, height = 0, y + height, 0
            number += 1
            made = _text(panel) if isinstance(panel, Text) else _panel(panel)
            yield {"id": number, **made, **_at(x, y, panel.width, panel.height)}
            x, height = x + panel.width, max(height, panel.height)
        y += height


def _at(x: int, y: int, width: int, height: int) -> dict[str, Any]:
    return {"gridPos": {"x": x, "y": y, "w": width, "h": height}}


def _text(panel: Text) -> dict[str, Any]:
    return {"type": "text", "title": panel.title, "options": {"mode": "markdown", "content": panel.text}}


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "datasource": DATASOURCE,
        "targets": [_target(panel, letter, query) for letter, query in zip("ABCDEFGH", panel.queries, strict=False)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _OPTIONS[panel.kind],
        "transformations": _transformations(panel),
    }


def _target(panel: Panel, letter: str, query: Query) -> dict[str, Any]:
    """A panel over time asks for the range; all others for the last value."""
    over_time = panel.kind == "timeseries"
    return {
        "refId": letter,
        "datasource": DATASOURCE,
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "range": over_time,
        "instant": not over_time,
        "format": "table" if panel.kind == "table" else "time_series",
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": GREEN, "value": None}]
    steps += [{"color": ORANGE, "value": panel.worry}] if panel.worry is not None else []
    steps += [{"color": RED, "value": panel.alarm}] if panel.alarm is not None else []
    defaults: dict[str, Any] = {"unit": UNITS[panel.unit], "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.kind != "timeseries":
        return defaults | {"color": {"mode": "thresholds"}} | _bounds(panel)
    stacking = {"group": "A", "mode": "normal" if panel.stacked else "none"}
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 25 if panel.stacked else 8, "axisSoftMin": 0}
    lines = {"thresholdsStyle": {"mode": "line" if len(steps) > 1 else "off"}}
    return defaults | {"color": {"mode": "palette-classic"}, "custom": {**custom, "stacking": stacking, **lines}}


def _transformations(panel: Panel) -> list[dict[str, Any]]:
    if panel.matrix is None:
        return []
    row, column = panel.matrix
    options = {"rowField": row, "columnField": column, "valueField": "Value", "emptyValue": "zero"}
    return [{"id": "groupingToMatrix", "options": options}]


def _bounds(panel: Panel) -> dict[str, Any]:
    """Bars are compared with each other, shares with the whole."""
    if panel.kind != "bargauge":
        return {}
    return {"min": 0, "max": 1} if panel.unit == "percentunit" else {"min": 0}


_LAST: Final = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {"reduceOptions": _LAST, "colorMode": "value", "graphMode": "none", "textMode": "auto"},
    "bargauge": {"reduceOptions": _LAST, "orientation": "horizontal", "displayMode": "basic", "showUnfilled": True},
    "table": {"showHeader": True, "cellHeight": "sm"},
}
