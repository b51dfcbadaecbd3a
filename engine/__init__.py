"""The rules of play: pure, synchronous, deterministic.

Nothing in this package reads a clock, draws a random number, does I/O or uses a float. `engine.player` is the
front door: `execute_or_ask` decides and applies one command, or says what must be looked up first; `execute` decides it
with what was found; `replay` applies a recorded transition.

`deciding`, `awarding`, `workflow` and `loyalty` read state and catalog; `evolving` alone changes the state.
"""
