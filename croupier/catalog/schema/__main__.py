"""Writes the schemas that editors use into `catalog/schema`: run it after a change of the loader."""

from pathlib import Path

from croupier.catalog.schema import write_schemas

write_schemas(Path(__file__).resolve().parents[3] / "catalog" / "schema")
