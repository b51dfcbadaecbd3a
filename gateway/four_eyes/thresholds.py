"""Which operations wait for a second person, by `four_eyes` of the catalog in force; "" for those that don't."""

from engine.catalog import FourEyes


def for_points(rules: FourEyes, points: int) -> str:
    """Of an adjustment by so many points, up or down."""
    if rules.points is None or abs(points) <= rules.points:
        return ""
    return f"Adjustments by more than {rules.points} points need two persons."


def for_level(rules: FourEyes) -> str:
    """Of a level that is set by hand."""
    return "A level that is set by hand needs two persons." if rules.forced_level else ""
