"""All routes but those that are spun on, one subpackage per topic: its `routes`, their `schemas`, how they `render`.

`call` is what every route needs to get from a validated request to a player's answer; `request_guard` stands
around them all. The app serves what `gateway.route_table` lists. A topic may use the documents of another one only
in this order: players, loyalty, bonuses.
"""
