"""`python -m deploy.dashboards`: writes Grafana's files, and removes those of dashboards that are gone."""

from pathlib import Path
from typing import Final

from deploy.dashboards import DASHBOARDS
from deploy.dashboards.grafana import render

FOLDER: Final = Path(__file__).parents[1] / "grafana" / "dashboards"


def files() -> dict[str, str]:
    """What the folder is to hold, by name."""
    return {f"{dashboard.uid}.json": render(dashboard) for dashboard in DASHBOARDS}


def main() -> None:
    """Writes all of it."""
    wanted = files()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, content in wanted.items():
        (FOLDER / name).write_text(content)


if __name__ == "__main__":
    main()
