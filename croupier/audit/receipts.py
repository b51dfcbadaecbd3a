"""Checks receipts: each for itself, and against the tree of the archive that was verified."""

from collections.abc import Sequence

from croupier.audit.faults import Faults
from croupier.audit.verifying import Report
from snapshots.archive.bucket import open_bucket
from snapshots.archive.place import ArchivePlace
from snapshots.audit.checkpoints import stored_keys
from snapshots.audit.merkle import ProofInvalid, check_consistency
from snapshots.audit.notes import VerifierKey
from snapshots.audit.receipts import ReceiptInvalid, check_receipt, read_receipt
from snapshots.audit.tiles import TileReader
from snapshots.errors import CorruptArchive


async def check_receipts(
    place: ArchivePlace, keys: Sequence[str], receipts: Sequence[tuple[str, bytes]], report: Report
) -> None:
    """Adds what is wrong with each receipt (name, content) to the report. Raises ArchiveUnavailable."""
    if not receipts:
        return
    faults, bucket = Faults(), open_bucket(place)
    known = [VerifierKey.parsed(text) for text in keys or await stored_keys(bucket)]
    tiles = TileReader(bucket, report.covered)
    for name, content in receipts:
        try:
            checkpoint = check_receipt(read_receipt(content), known).checkpoint
            if checkpoint.size > report.covered:
                raise ReceiptInvalid(f"it is of {checkpoint.size} leaves; the archive has {report.covered}")
            [root] = await tiles.roots([(0, report.covered)])
            growth = await tiles.growth(checkpoint.size)
            check_consistency(checkpoint.size, report.covered, growth, checkpoint.root, root)
        except (ReceiptInvalid, ProofInvalid, CorruptArchive) as error:
            faults.add("receipt_invalid", name, error)
    report.faults += faults.found
    report.fault_count += faults.count
