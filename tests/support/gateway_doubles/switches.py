"""Kill-switches in memory."""

from engine.switches import Switch, Switches
from gateway.ports import ControlUnavailable, KeyTaken, SwitchesFull, Thrown


class MemorySwitches:
    """`most` can be off; `down` says why there is no answer, if there is none."""

    def __init__(self, most: int = 200) -> None:
        self.most, self.down = most, ""
        self.switches = Switches()
        self.done: dict[str, tuple[object, Thrown]] = {}

    async def listed(self) -> Switches:
        if self.down:
            raise ControlUnavailable(self.down)
        return self.switches

    async def throw(self, switch: Switch, enabled: bool, command_id: str) -> Thrown | KeyTaken | SwitchesFull:
        before = (await self.listed()).find(switch.scope, switch.id)
        wanted = (switch.scope, switch.id, enabled, switch.reason)
        if command_id in self.done:
            content, first = self.done[command_id]
            return first._replace(replayed=True) if content == wanted else KeyTaken()
        changed = self.switches.with_on(*wanted[:2]) if enabled else self.switches.with_off(switch)
        if len(changed.off) > self.most:
            return SwitchesFull()
        self.switches = changed
        thrown = Thrown(changed.number, before, changed.find(*wanted[:2]))
        self.done[command_id] = (wanted, thrown)
        return thrown
