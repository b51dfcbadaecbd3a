"""HTTP: app, hot path, routes, schemas, auth, errors. Talks to players through `actors.outcome.Players`.

`spin` is the hot path, `routes` are all others. `access` admits callers to both, and both speak `http`.
"""
