"""The hot path: `/spin*` as plain ASGI, past FastAPI. `path` is the face, and the app calls it.

`render` is shared with the routes that show a round.
"""
