"""HTTP: app, hot path, routes, schemas, auth, errors. Talks to players through `actors.outcome.Players`."""
