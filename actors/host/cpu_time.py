"""The CPU time of one coroutine: of its own steps only, whatever else the loop runs between them."""

from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

from actors.host.clock import thread_cpu_s

_T = TypeVar("_T")


@coroutine
def metered(work: Coroutine[Any, Any, _T], spend: Callable[[float], None]) -> Generator[Any, Any, _T]:
    """Awaits `work`. `spend` is told the CPU seconds of this thread that each of its steps took.

    What `work` has other threads or tasks do is not counted.
    """
    step: Callable[[Any], Any] = work.send
    given: Any = None
    while True:
        began = thread_cpu_s()
        try:
            awaited = step(given)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        finally:
            spend(thread_cpu_s() - began)
        try:
            given, step = (yield awaited), work.send
        except BaseException as raised:  # a cancellation, too, is for `work` to handle
            given, step = raised, work.throw
