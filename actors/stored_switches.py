"""Kill-switches as the store keeps them: notes under a name of their own, written by gateways, read by shards.

They need no supervisor: a switch can be thrown while there is none. Whoever writes claims the name first; by that, all
who claimed it before are fenced, so changes come one after the other although any gateway may make them. The switches
and the requests that were carried out are two notes of one write.
"""

import asyncio
import random
import secrets
from typing import Final, Literal

import msgspec

from engine.switches import NONE_OFF, SWITCHES_MAX, Scope, Switch, Switches
from snapshots.contract import NOTE_VALUE_BYTES_MAX, Reader, Store
from snapshots.errors import Fenced, StoreUnavailable

NAME: Final = "switches"
"""Under which the notes are kept. It is no reader of the journal."""
OFF: Final = "off"
DONE: Final = "done"
DONE_KEPT: Final = 64
"""Requests that are remembered with their answers."""
TRIES: Final = 8
"""How often a change begins anew because another gateway made one meanwhile."""
PAUSE_S: Final = 0.02
"""The longest pause before the second attempt; it doubles with each."""


class ThrowSwitch(msgspec.Struct, frozen=True):
    """What an operator wants: `switch` names it and says who does it, when and why. `enabled`: it is to be on again.

    `key` and `content` are digests of the caller's key and of the request.
    """

    switch: Switch
    enabled: bool
    key: bytes
    content: bytes


class Thrown(msgspec.Struct, frozen=True, array_like=True):
    """The switches' number after the change, and the switch before and after it; None: it was, or is, on."""

    number: int
    before: Switch | None
    after: Switch | None
    replayed: bool = False


class _Done(msgspec.Struct, frozen=True, array_like=True):
    key: bytes
    content: bytes
    answer: Thrown


_encode = msgspec.msgpack.encode
_switches = msgspec.msgpack.Decoder(Switches)
_done = msgspec.msgpack.Decoder(tuple[_Done, ...])


async def stored_switches(store: Store) -> bytes:
    """All switches as stored, empty if none was ever thrown. Equal bytes are equal switches.

    Raises StoreUnavailable.
    """
    return (await store.reader_notes(NAME, OFF)).get(OFF, b"")


def decoded_switches(stored: bytes) -> Switches:
    """What `stored_switches` answered."""
    return _switches.decode(stored) if stored else NONE_OFF


async def throw_switch(store: Store, wanted: ThrowSwitch) -> Thrown | Literal["key_taken", "full"]:
    """Switches something off, or on again; once per key.

    `key_taken`: the key was used for another request. `full`: there is no room for one more. Raises StoreUnavailable:
    then it may be done or not, and it is safe to repeat it.
    """
    for attempt in range(TRIES):
        writer = await store.claim_notes(NAME, secrets.token_hex(8))
        try:
            return await _throw(store, writer, wanted)
        except Fenced:  # who begins anew at once would only fence the other in turn
            await asyncio.sleep(PAUSE_S * 2**attempt * random.random())
    raise StoreUnavailable(f"other switches were thrown at the same time, {TRIES} times")


async def _throw(store: Store, writer: Reader, wanted: ThrowSwitch) -> Thrown | Literal["key_taken", "full"]:
    notes = await store.reader_notes(NAME)
    done = _done.decode(notes[DONE]) if DONE in notes else ()
    known = next((each for each in done if each.key == wanted.key), None)
    if known is not None:
        same = known.content == wanted.content
        return msgspec.structs.replace(known.answer, replayed=True) if same else "key_taken"
    former = decoded_switches(notes.get(OFF, b""))
    switches, answer = _changed(former, wanted)
    encoded = _encode(switches)
    if len(switches.off) > SWITCHES_MAX or len(encoded) > NOTE_VALUE_BYTES_MAX:
        return "full"
    remembered = _remembered((*done, _Done(wanted.key, wanted.content, answer)))
    await store.commit_reader(writer, {}, {OFF: encoded, DONE: remembered})
    return answer


def _changed(former: Switches, wanted: ThrowSwitch) -> tuple[Switches, Thrown]:
    scope: Scope = wanted.switch.scope
    id_ = wanted.switch.id
    switches = former.with_on(scope, id_) if wanted.enabled else former.with_off(wanted.switch)
    return switches, Thrown(switches.number, former.find(scope, id_), switches.find(scope, id_))


def _remembered(done: tuple[_Done, ...]) -> bytes:
    """The last requests, encoded: so many that they fit into a note."""
    done = done[-DONE_KEPT:]
    encoded = _encode(done)
    while len(encoded) > NOTE_VALUE_BYTES_MAX:
        done = done[len(done) // 2 :]
        encoded = _encode(done)
    return encoded
