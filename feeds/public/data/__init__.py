"""What consumers are promised: the fields of every public event, one module per family.

These structs know nothing of the engine. They become JSON objects: a field that is `None` is left out. Fields are only
added, optional ones, at the end; none is renamed, removed, or given another meaning.
"""
