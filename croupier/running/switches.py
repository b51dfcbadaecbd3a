"""The kill-switches as gateways throw them: in the store, without the supervisor."""

import asyncio
from hashlib import blake2b
from typing import Literal

from actors.stored_switches import Thrown, ThrowSwitch, decoded_switches, stored_switches, throw_switch
from engine.switches import Switch, Switches
from gateway import ports
from snapshots.contract import Store
from snapshots.errors import StoreError


class StoredSwitches:
    """Implements `gateway.ports.SwitchesPort`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._one_by_one = asyncio.Lock()
        """So that what is asked of this gateway at once does not get into each other's way."""

    async def listed(self) -> Switches:
        """See `gateway.ports.SwitchesPort`."""
        try:
            return decoded_switches(await stored_switches(self._store))
        except StoreError as failure:
            raise _unavailable(failure) from failure

    async def throw(
        self, switch: Switch, enabled: bool, command_id: str
    ) -> ports.Thrown | ports.KeyTaken | ports.SwitchesFull:
        """See `gateway.ports.SwitchesPort`."""
        content = f"{switch.scope} {switch.id} {enabled} {switch.reason}"
        wanted = ThrowSwitch(switch, enabled, _digest(command_id), _digest(content))
        try:
            async with self._one_by_one:
                return _shown(await throw_switch(self._store, wanted))
        except StoreError as failure:
            raise _unavailable(failure) from failure


def _shown(thrown: Thrown | Literal["key_taken", "full"]) -> ports.Thrown | ports.KeyTaken | ports.SwitchesFull:
    if thrown == "key_taken":
        return ports.KeyTaken()
    if thrown == "full":
        return ports.SwitchesFull()
    return ports.Thrown(thrown.number, thrown.before, thrown.after, thrown.replayed)


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


def _unavailable(failure: StoreError) -> ports.ControlUnavailable:
    return ports.ControlUnavailable(f"the store does not answer for the kill-switches now: {failure}")
