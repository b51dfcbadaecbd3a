"""The keys file is followed: what is sound is taken, what is broken or half written is not."""

import json
from pathlib import Path

import pytest

from croupier.keys_watch import KeysWatch
from gateway.keys import ApiKeys

PATH = Path("keys.json")


def file(*ids: str) -> bytes:
    return json.dumps(
        {"api_keys": [{"id": name, "secret": "sixteen letters!", "role": "platform"} for name in ids]}
    ).encode()


class Watched:
    """A watch, and the keys it has put in force."""

    def __init__(self, path: Path = PATH) -> None:
        self.taken: list[list[str]] = []
        self.watch = KeysWatch(path, file("a"), self._take)

    def _take(self, keys: ApiKeys) -> None:
        self.taken.append([key.id for key in keys.api_keys])

    def look(self, *seen: bytes | str) -> list[list[str]]:
        for one in seen:
            self.watch.look(one)
        return self.taken


def test_what_stays_the_same_is_taken_once() -> None:
    assert Watched().look(file("a"), file("a")) == []
    assert Watched().look(*[file("a", "b")] * 5, *[file("b")] * 2) == [["a", "b"], ["b"]]


def test_what_is_still_being_written_is_not_taken() -> None:
    assert Watched().look(file("a", "b"), file("a", "b", "c"), file("a", "b", "c")) == [["a", "b", "c"]]
    assert Watched().look(file("a", "b"), file("a"), file("a", "b"), file("a")) == []


@pytest.mark.parametrize("broken", [b"", file("a", "a"), file("b")[:-1], b"\xff", "keys.json: can't be read (gone)"])
def test_a_broken_file_is_refused_once_and_the_next_sound_one_taken(
    broken: bytes | str, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched()
    assert watched.look(*[broken] * 3) == []
    assert caplog.text.count("the keys in force stay: keys.json") == 1
    assert "sixteen letters!" not in caplog.text
    assert watched.look(file("b"), file("b")) == [["b"]]


async def test_it_reads_the_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    watched = Watched(path)
    path.write_bytes(file("b"))
    assert watched.look(watched.watch.read(), watched.watch.read()) == [["b"]]
    path.unlink()
    assert "can't be read" in str(watched.watch.read())
