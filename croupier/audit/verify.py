#!/usr/bin/env python3
"""Verifies a Croupier log without Croupier. This one file needs Python 3.11 and the package `cryptography`.

    verify.py receipt    RECEIPT.json  --public-key KEY
    verify.py checkpoint CHECKPOINT    --public-key KEY
    verify.py archive    FOLDER        --public-key KEY [--since CHECKPOINT]

A receipt needs nothing else. An archive is a copy of it in a folder: then bytes, the tree, every checkpoint and growth
are checked, and the real and bonus money of all players is added up from the events. Segments are read by the program
`zstd`; an export (`croupier audit export`) has them uncompressed. KEY is the file with the verifier key that you were
given, NAME+ID+BASE64. It does not import anything of Croupier, on purpose: it was written from the formats alone.
"""

import argparse
import base64
import hashlib
import json
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

CONTENT_BYTES_MAX = 1_073_741_824
"""Of an object, uncompressed: one that has more is not read."""
Checkpoint = tuple[str, int, bytes]
"""Origin, size and root."""


class Wrong(Exception):
    """Something is not as it should be. The message says what and where."""


# --- hashes (RFC 6962)


def leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def check_path(index: int, size: int, node: bytes, path: list[bytes], root: bytes) -> None:
    """The leaf with hash `node` is number `index` of the tree of `size` leaves."""
    last, left = size - 1, list(path)
    if not 0 <= index < size:
        raise Wrong(f"leaf {index} can't be in a tree of {size}")
    while last:
        if index % 2 == 1 or index < last:
            if not left:
                raise Wrong("the path is too short")
            sibling = left.pop(0)
            node = node_hash(sibling, node) if index % 2 else node_hash(node, sibling)
        index, last = index // 2, last // 2
    if left or node != root:
        raise Wrong("the entry and its path do not lead to the signed root")


class Tree:
    """Leaves are added; the root can be asked for at any size. It keeps one hash per level."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes) -> None:
        level, node = 0, leaf_hash(leaf)
        while self._peaks and self._peaks[-1][0] == level:
            level, node = level + 1, node_hash(self._peaks.pop()[1], node)
        self._peaks.append((level, node))
        self.size += 1

    def root(self) -> bytes:
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        node = self._peaks[-1][1]
        for _, left in reversed(self._peaks[:-1]):
            node = node_hash(left, node)
        return node


# --- signed notes (C2SP)


class Key:
    """A verifier key, NAME+ID+BASE64."""

    def __init__(self, text: str) -> None:
        self.name, _, rest = text.strip().partition("+")
        shown, _, encoded = rest.partition("+")
        raw = unbase64(encoded)
        self.id = hashlib.sha256(self.name.encode() + b"\n" + raw).digest()[:4]
        if not self.name or raw[:1] != b"\x01" or len(raw) != 33 or self.id.hex() != shown:
            raise Wrong("the public key is no verifier key of the form NAME+ID+BASE64")
        self._key = Ed25519PublicKey.from_public_bytes(raw[1:])

    def checkpoint(self, note: str, place: str) -> Checkpoint:
        """The checkpoint of a note that this key has signed."""
        text, gap, lines = note.rpartition("\n\n")
        parts = text.split("\n")
        if not gap or len(parts) < 3 or not parts[1].isdigit() or len(unbase64(parts[2])) != 32:
            raise Wrong(f"{place} is no signed checkpoint")
        self._check(f"{text}\n".encode(), lines, place)
        if parts[0] != self.name:
            raise Wrong(f"{place} is of {parts[0]}, not of {self.name}")
        return parts[0], int(parts[1]), unbase64(parts[2])

    def _check(self, text: bytes, lines: str, place: str) -> None:
        for line in lines.splitlines():
            name, _, encoded = line.removeprefix("\u2014 ").partition(" ")
            raw = unbase64(encoded)
            if (name, raw[:4]) == (self.name, self.id):
                try:
                    self._key.verify(raw[4:], text)
                except InvalidSignature:
                    raise Wrong(f"the signature of {place} is wrong") from None
                return
        raise Wrong(f"{place} is not signed by {self.name}+{self.id.hex()}")


def unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


# --- MessagePack, as far as the archive uses it


class Unpacked:
    """Reads one value after the other."""

    def __init__(self, raw: bytes) -> None:
        self._raw, self._at = raw, 0

    @property
    def more(self) -> bool:
        return self._at < len(self._raw)

    def value(self) -> Any:
        kind = self._take(1)[0]
        if kind < 0x80:
            return kind
        if kind >= 0xE0:
            return kind - 0x100
        if kind < 0x90:
            return self._map(kind & 0x0F)
        if kind < 0xA0:
            return self._array(kind & 0x0F)
        if kind < 0xC0:
            return self._take(kind & 0x1F).decode()
        return self._long(kind)

    def _long(self, kind: int) -> Any:
        if kind in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[kind]
        if 0xC4 <= kind <= 0xC6:
            return self._take(self._number(">" + "BHI"[kind - 0xC4]))
        if 0xCC <= kind <= 0xD3:
            return self._number(">" + "BHIQbhiq"[kind - 0xCC])
        if 0xD9 <= kind <= 0xDB:
            return self._take(self._number(">" + "BHI"[kind - 0xD9])).decode()
        if kind in (0xDC, 0xDD):
            return self._array(self._number(">H" if kind == 0xDC else ">I"))
        if kind in (0xDE, 0xDF):
            return self._map(self._number(">H" if kind == 0xDE else ">I"))
        raise Wrong(f"byte {kind:02x} is not expected in the archive")

    def _number(self, form: str) -> int:
        return int(struct.unpack(form, self._take(struct.calcsize(form)))[0])

    def _array(self, length: int) -> list[Any]:
        return [self.value() for _ in range(length)]

    def _map(self, length: int) -> dict[Any, Any]:
        return {self.value(): self.value() for _ in range(length)}

    def _take(self, length: int) -> bytes:
        self._at += length
        if self._at > len(self._raw):
            raise Wrong("the bytes end too early")
        return self._raw[self._at - length : self._at]


# --- money


class Player:
    """Real money, and the bonus money of each live grant, in minor units."""

    def __init__(self) -> None:
        self.first = self.version = self.real = 0
        self.digests = bytearray()
        """Of the entries `first` to `version`, in case one comes again: 16 bytes each."""
        self.bonus: dict[str, int] = {}
        self.currency = ""
        self.complete = True


Moves = dict[str, int]
"""By what happened: money in minor units."""


def move(player: Player, event: list[Any], moves: Moves) -> None:
    """Applies what an event does to money."""
    apply = MONEY.get(event[0])
    if apply is not None:
        for name, amount in apply(player, event).items():
            moves[f"{player.currency} {name}"] = moves.get(f"{player.currency} {name}", 0) + amount


def registered(player: Player, event: list[Any]) -> Moves:
    player.currency = event[1]
    return {}


def deposit(player: Player, event: list[Any]) -> Moves:
    player.real += event[2]
    return {"deposited": event[2]}


def bet(player: Player, event: list[Any]) -> Moves:
    player.real -= event[5]
    add_bonus(player, event[7], -event[6])
    return {"staked real": event[5], "staked bonus": event[6]}


def win(player: Player, event: list[Any]) -> Moves:
    player.real += event[3]
    add_bonus(player, event[5], event[4])
    return {"won real": event[3], "won bonus": event[4]}


def reversal(player: Player, event: list[Any]) -> Moves:
    player.real += event[3]
    for grant in event[4]:
        add_bonus(player, grant[0], grant[1])
    return {"reversed real": event[3], "reversed bonus": sum(grant[1] for grant in event[4])}


def grant_created(player: Player, event: list[Any]) -> Moves:
    grant_id, _, state, _, balance = event[1][:5]
    if state not in ("initiated", "granted", "in_wager"):
        return {}
    player.bonus[grant_id] = balance
    return {"granted bonus": balance}


def bonus_granted(player: Player, event: list[Any]) -> Moves:
    player.bonus[event[1]] = event[3]
    return {"granted bonus": event[3]}


def redeemed(player: Player, event: list[Any]) -> Moves:
    player.real += event[3]
    player.bonus.pop(event[1], None)
    return {"released to real": event[3], "removed above the limit": event[4]}


def grant_ended(player: Player, event: list[Any]) -> Moves:
    return {"bonus that ended": player.bonus.pop(event[1], 0)}


def reopened(player: Player, event: list[Any]) -> Moves:
    player.real -= event[2]
    player.bonus[event[1]] = event[3]
    return {"taken back into bonus": event[3]}


def withdrawn(player: Player, event: list[Any]) -> Moves:
    player.real -= event[2]
    return {"withdrawn": event[2]}


def add_bonus(player: Player, grant_id: str | None, amount: int) -> None:
    """A grant that has ended has no money any more."""
    if grant_id in player.bonus:
        player.bonus[grant_id] += amount


MONEY: dict[str, Callable[[Player, list[Any]], Moves]] = {
    "PlayerRegistered": registered,
    "DepositMade": deposit,
    "BetPlaced": bet,
    "WinCredited": win,
    "RoundReversed": reversal,
    "GrantCreated": grant_created,
    "BonusGranted": bonus_granted,
    "BonusRedeemed": redeemed,
    "GrantExhausted": grant_ended,
    "GrantExpired": grant_ended,
    "GrantCancelled": grant_ended,
    "GrantDeclined": grant_ended,
    "GrantReopened": reopened,
    "WithdrawalConfirmed": withdrawn,
}
BALANCE_IN_ANSWER = {"r": 13, "deposit": 5, "grant": 2, "rollback": 4, "awards": 1, "withdrawal": 5, "grant_state": 5}
"""Where in the answer to a command the balance after it stands: real, bonus, usable bonus, withdrawable."""
SESSION_IN_EVENT = {
    "BetPlaced": 1,
    "WinCredited": 1,
    "RoundReversed": 1,
    "BetTombstoned": 2,
    "RoundFlagged": 1,
    "RoundTimedOut": 1,
    "FlaggedForOperator": 3,
    "FlagCleared": 3,
}
"""Where in an event the round stands, for those that have one."""


class Books:
    """All players, brought forward entry by entry."""

    def __init__(self) -> None:
        self.players: dict[str, Player] = {}
        self.moves: Moves = {}
        self.entries = self.controls = 0
        """How many entries of players, and the last number of the control log."""
        self._logs: dict[str, tuple[int, bytes]] = {}
        """By log: the last record, and its hash."""
        self._records: dict[tuple[str, int], bytes] = {}
        """By log and number, what a record holds."""

    def follows(self, record: list[Any], payload: bytes, name: str) -> bool:
        """The record follows the one before it in its log; False if it was archived before, as it is now."""
        seq, previous = self._logs.get(record[3], (record[4] - 1, record[5]))
        # the hash of a sealed record covers bytes that can't be seen: what can be seen is compared, too
        digest = hashlib.blake2b(record[5] + record[6] + payload, digest_size=16).digest()
        if record[4] <= seq:
            if self._records.get((record[3], record[4])) != digest:
                raise Wrong(f"{name} comes again, but not as it was before")
            return False
        if (record[4], record[5]) != (seq + 1, previous):
            raise Wrong(f"{name} does not follow record {seq}")
        self._logs[record[3]] = record[4], record[6]
        self._records[record[3], record[4]] = digest
        return True

    def take(self, player_id: str, version: int, data: bytes, place: str, again: bool = False) -> None:
        """An entry. One that comes `again`, in a record that was archived before, is not counted twice."""
        name = f"{place}: player {player_id} version {version}"
        player = self.players.setdefault(player_id, Player())
        digest = hashlib.blake2b(data, digest_size=16).digest()
        if again:
            at = (version - player.first) * 16
            if at < 0 or player.digests[at : at + 16] != digest:
                raise Wrong(f"{name} comes again, but not as it was before")
            return
        if player.version == 0:
            player.first, player.complete = version, version == 1  # else the archive begins later
        elif version != player.version + 1:
            raise Wrong(f"{name} follows version {player.version}")
        self.entries += 1
        player.version = version
        player.digests += digest
        entry = Unpacked(data).value()
        if entry[:2] != [player_id, version]:
            raise Wrong(f"{name} holds the entry of {entry[0]} version {entry[1]}")
        if not player.complete:
            return
        for event in entry[5]:
            move(player, event, self.moves)
        self._check(player, entry[6], name)

    def _check(self, player: Player, encoded: bytes, name: str) -> None:
        bonus = sum(player.bonus.values())
        if player.real < 0 or min(player.bonus.values(), default=0) < 0:
            raise Wrong(f"{name} leaves real {player.real} and bonus {bonus}")
        answer = Unpacked(encoded).value()
        at = BALANCE_IN_ANSWER.get(answer[0])
        told = answer[at] if at is not None and at < len(answer) else None
        if told is not None and told[:2] != [player.real, bonus]:
            raise Wrong(f"{name} was answered with {told[:2]}, but the events lead to {[player.real, bonus]}")


# --- the archive


class Archive:
    """A copy of an archive in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.exported = False
        """Whether an object was read that somebody else had uncompressed: its checksum can't be compared then."""

    def extents(self) -> Iterator[dict[str, Any]]:
        for number, path in enumerate(sorted((self._folder / "extents").rglob("*.json"))):
            extent: dict[str, Any] = json.loads(path.read_text())
            if extent["number"] != number:
                raise Wrong(f"extent {number} is missing")
            yield extent

    def checkpoints(self, key: Key) -> list[tuple[Checkpoint, str]]:
        paths = sorted((self._folder / "checkpoints").rglob("*.note"))
        return [(key.checkpoint(path.read_text(), str(path)), str(path)) for path in paths]

    def content(self, extent: dict[str, Any]) -> bytes:
        """The object of an extent, uncompressed; its checksum is that of the compressed bytes."""
        name = str(extent["object"])
        if not name.startswith(("segments/", "control/")) or ".." in name.split("/"):
            raise Wrong(f"extent {extent['number']} is of {name}, which is no object of an archive")
        path = self._folder / name
        exported = path.with_suffix("")
        if not path.exists():
            if not exported.exists():
                raise Wrong(f"{name} is missing")
            self.exported = True
            with exported.open("rb") as file:
                return read_within(file, name)
        if hashlib.sha256(path.read_bytes()).hexdigest() != extent["sha256"]:
            raise Wrong(f"{name} does not have the checksum of extent {extent['number']}")
        return uncompressed(path, name)


def uncompressed(path: Path, name: str) -> bytes:
    try:
        with (
            path.open("rb") as file,
            subprocess.Popen(
                ["zstd", "-dcq"],  # noqa: S607
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            ) as zstd,
        ):
            content = read_within(zstd.stdout, name)  # what it has beyond is not waited for: its pipe is closed
    except FileNotFoundError:
        raise Wrong("the program zstd is not there: install it, or ask for an export") from None
    if zstd.returncode != 0:
        raise Wrong(f"{name} can't be uncompressed")
    return content


def read_within(file: Any, name: str) -> bytes:
    content: bytes = file.read(CONTENT_BYTES_MAX + 1)
    if len(content) > CONTENT_BYTES_MAX:
        raise Wrong(f"{name} has more than {CONTENT_BYTES_MAX} bytes")
    return content


def leaves_of(extent: dict[str, Any], content: bytes, books: Books) -> Iterator[bytes]:
    """The leaves of an object, in the order of the log."""
    count = 0
    reader = Unpacked(content)
    while reader.more:
        value = reader.value()
        made = (
            control_leaves(value[1], books)
            if extent["kind"] == "control"
            else block_leaves(value, books, extent["object"])
        )
        for leaf in made:
            count += 1
            yield leaf
    yield f"object {count} {extent['sha256']} {extent['object']}\n".encode()


def control_leaves(entries: list[Any], books: Books) -> Iterator[bytes]:
    for number, entry in entries:
        if number != books.controls + 1:
            raise Wrong(f"the control log goes on with entry {number} after {books.controls}")
        books.controls = number
        yield f"control {number} {len(entry)}\n".encode() + entry


def block_leaves(records: list[Any], books: Books, place: str) -> Iterator[bytes]:
    for record in records:
        sealed = list(record[8]) if len(record) > 8 else []
        blanked = [part[3] for part in sealed]
        payload = b"".join(piece + part for piece, part in zip(record[7], [*blanked, b""], strict=True))
        name = f"{place}, log {record[3]} record {record[4]}"
        if not blanked and hashlib.blake2b(record[5] + payload, digest_size=16).digest() != record[6]:
            raise Wrong(f"{name} does not have the hash that it says")
        new = books.follows(record, payload, name)
        for player_id, version, _, data in Unpacked(payload).value()[1]:
            box = sealed.pop(0)[2] if sealed and sealed[0][:2] == [player_id, version] else b""
            books.take(player_id, version, data, name, again=not new)
            yield f"entry {version} {len(data)} {len(box)} {player_id}\n".encode() + data + box


def verify_archive(folder: Path, key: Key, since: list[Path]) -> None:
    archive, books, tree = Archive(folder), Books(), Tree()
    known = archive.checkpoints(key)
    known += [(key.checkpoint(path.read_text(), str(path)), str(path)) for path in since]
    wanted = sorted(known, key=lambda each: each[0][1])
    if not known:
        raise Wrong("there is no checkpoint: nothing is signed")
    compare(tree, wanted)
    for extent in archive.extents():
        if extent["first"] != tree.size:
            raise Wrong(f"extent {extent['number']} begins at leaf {extent['first']}, not at {tree.size}")
        for leaf in leaves_of(extent, archive.content(extent), books):
            tree.add(leaf)
            compare(tree, wanted)
    if wanted:
        raise Wrong(f"{wanted[0][1]} is of more leaves than the archive has: its end is missing")
    show(books, tree, len(known))
    if archive.exported:
        print("it is an export: entries and their order are proven; where a record stood in the journal (shard, log,")
        print("number, chain) is not, because checksums are those of the compressed objects")


def compare(tree: Tree, wanted: list[tuple[Checkpoint, str]]) -> None:
    """The tree with those checkpoints that are of its size."""
    while wanted and wanted[0][0][1] == tree.size:
        (_, size, root), place = wanted.pop(0)
        if tree.root() != root:
            raise Wrong(f"{place}: its root is not that of the first {size} leaves")


def show(books: Books, tree: Tree, checkpoints: int) -> None:
    print(f"{tree.size} leaves, root {tree.root().hex()}, {checkpoints} checkpoints")
    begun = sum(not player.complete for player in books.players.values())
    print(f"{books.entries} entries of {len(books.players)} players, {begun} of whom begin before the archive")
    for name, amount in sorted(books.moves.items()):
        print(f"{name}: {amount}")
    for currency in sorted({player.currency for player in books.players.values() if player.complete}):
        mine = [player for player in books.players.values() if player.complete and player.currency == currency]
        bonus = sum(sum(player.bonus.values()) for player in mine)
        print(f"{currency} balance now: real {sum(player.real for player in mine)}, bonus {bonus}")


def session_of(event: list[Any]) -> Any:
    at = SESSION_IN_EVENT.get(event[0], len(event))
    return event[at] if at < len(event) else None


def verify_receipt(path: Path, key: Key) -> None:
    receipt = json.loads(path.read_text())
    _, size, root = key.checkpoint(receipt["checkpoint"], "the receipt's checkpoint")
    if not receipt["entries"]:
        raise Wrong("the receipt has no entries")
    if len({proven["version"] for proven in receipt["entries"]}) < len(receipt["entries"]):
        raise Wrong("the receipt has an entry twice")
    for proven in receipt["entries"]:
        leaf = unbase64(proven["leaf"])
        check_path(proven["index"], size, leaf_hash(leaf), [unbase64(each) for each in proven["path"]], root)
        kind, version, length, _, player_id = leaf.partition(b"\n")[0].decode().split(" ", 4)
        entry = Unpacked(leaf.partition(b"\n")[2][: int(length)]).value()
        if (kind, int(version), player_id) != ("entry", proven["version"], receipt["player_id"]):
            raise Wrong("the leaf is of another player or version than the receipt says")
        if receipt["session_id"] not in [session_of(event) for event in entry[5]]:
            raise Wrong("the leaf is of another round than the receipt says")
        for event in entry[5]:
            print(f"leaf {proven['index']} of {size}, player {player_id} version {version}: {json.dumps(event)}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Verifies a Croupier log without Croupier.")
    parser.add_argument("what", choices=("receipt", "checkpoint", "archive"))
    parser.add_argument("path", type=Path)
    parser.add_argument("--public-key", type=Path, required=True, help="file with NAME+ID+BASE64")
    parser.add_argument("--since", type=Path, action="append", default=[], help="a checkpoint that you kept")
    options = parser.parse_args()
    try:
        key = Key(options.public_key.read_text())
        if options.what == "receipt":
            verify_receipt(options.path, key)
        elif options.what == "checkpoint":
            origin, size, root = key.checkpoint(options.path.read_text(), str(options.path))
            print(f"{origin}: {size} leaves, root {root.hex()}")
        else:
            verify_archive(options.path, key, options.since)
    except Wrong as fault:
        print(f"WRONG: {fault}")
        return 1
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError) as fault:
        print(f"WRONG: it can't be read: {fault!r}")
        return 1
    print("sound")
    return 0


if __name__ == "__main__":
    sys.exit(main())
