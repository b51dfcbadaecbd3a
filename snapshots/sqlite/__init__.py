"""The store in a folder of SQLite files. `store` is the face; only `snapshots.opening` imports it."""
