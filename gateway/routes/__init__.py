"""All routes except those of the hot path, one subpackage per topic with its `routes`, `schemas` and `render`.

`call` is what every route needs to get from a validated request to a player's answer; `request_guard` is the middleware
around all of them. The app serves what `gateway.route_table` lists. A topic may use the documents of another one only
in this order: players, loyalty, bonuses.
"""
