"""The key file: what is accepted, and the sentence an operator reads when it is not."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.access.keys import KeysInvalid, load_keys

KEY = {"id": "studio-7", "secret": "sixteen letters!", "role": "game_server"}
TOKEN_KEY = {"kid": "1", "algorithm": "HS256", "key": "x" * 32}
ISSUER = {"issuer": "https://id.example", "keys": [TOKEN_KEY]}


ONE_ROLE = "'studio-7' .game_server. and 'new' .platform. belong to the client 'studio-7', and a client has one role"
MIXED = [("a", "game_server"), ("b", "game_server"), ("c", "platform")]


def write(folder: Path, content: Any) -> Path:
    path = folder / "keys.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def test_a_complete_file(tmp_path: Path) -> None:
    keys = load_keys(
        write(tmp_path, {"api_keys": [KEY], "jwt": ISSUER | {"audience": "croupier", "role_claim": "groups"}})
    )
    assert [key.id for key in keys.api_keys] == ["studio-7"]
    assert keys.jwt is not None
    assert (keys.jwt.audience, keys.jwt.role_claim) == ("croupier", "groups")


def test_a_key_belongs_to_its_client_and_to_one_of_its_own_name_otherwise(tmp_path: Path) -> None:
    rotated = [KEY, KEY | {"id": "studio-7-next", "client": "studio-7"}, KEY | {"id": "b", "role": "platform"}]
    keys = load_keys(write(tmp_path, {"api_keys": rotated}))
    assert [key.owner for key in keys.api_keys] == ["studio-7", "studio-7", "b"]


def test_secrets_never_show(tmp_path: Path) -> None:
    keys = load_keys(write(tmp_path, {"api_keys": [KEY], "jwt": ISSUER}))
    assert "sixteen letters!" not in repr(keys)
    assert "x" * 32 not in repr(keys)


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"{", "JSON|truncated"),
        (b"\xff", "malformed"),
        ([], "object"),
        ({"keys": []}, "keys"),
        ({"api_keys": [{**KEY, "secret": "too short"}]}, r"api_keys\[0?\.*\]\.secret"),
        ({"api_keys": [{**KEY, "id": "a:b"}]}, r"\.id"),
        ({"api_keys": [{**KEY, "id": "a\n"}]}, r"\.id"),
        ({"api_keys": [{**KEY, "role": "emperor"}]}, r"\.role"),
        ({"api_keys": [{**KEY, "note": "x"}]}, "note"),
        ({"api_keys": [{"id": "a", "role": "ops"}]}, "secret"),
        ({"api_keys": [KEY, KEY]}, "studio-7"),
        ({"api_keys": [KEY | {"client": "a:b"}]}, r"\.client"),
        ({"api_keys": [KEY | {"client": ""}]}, r"\.client"),
        ({"api_keys": [KEY, KEY | {"id": "new", "client": "studio-7", "role": "platform"}]}, ONE_ROLE),
        ({"api_keys": [KEY | {"id": "new", "client": "studio-7", "role": "platform"}, KEY]}, "'new' .*'studio-7' "),
        (
            {"api_keys": [KEY | {"id": name, "client": "c", "role": role} for name, role in MIXED]},
            "'a' .*'c' .*client 'c'",
        ),
        ({"api_keys": [KEY | {"rate_per_s": 0}]}, r"rate_per_s"),
        ({"api_keys": [KEY | {"rate_per_s": 1.5}]}, r"rate_per_s"),
        ({"api_keys": [KEY | {"rate_per_s": 1_000_001}]}, r"rate_per_s"),
        ({"api_keys": [KEY | {"rate_per_s": 5, "burst": 0}]}, r"burst"),
        ({"api_keys": [KEY | {"burst": 5}]}, "'studio-7' has a `burst` without a `rate_per_s`"),
        (
            {"api_keys": [KEY | {"rate_per_s": 5}, KEY | {"id": "next", "client": "studio-7"}]},
            "'studio-7' and 'next' .*has one limit",
        ),
        (b'{"api_keys": [], "api_keys": []}', "api_keys: occurs more than once"),
        (b'{"api_keys": [{"id": "a", "role": "ops", "role": "platform", "secret": "x"}]}', "role: occurs more than"),
        ({"jwt": {"issuer": "i", "keys": []}}, r"jwt\.keys"),
        ({"jwt": {**ISSUER, "keys": [{**TOKEN_KEY, "algorithm": "none"}]}}, r"\.algorithm"),
        ({"jwt": {**ISSUER, "keys": [{**TOKEN_KEY, "key": "x" * 31}]}}, r"jwt\.keys\[0\]\.key.*32 bytes"),
        ({"jwt": {**ISSUER, "keys": [{**TOKEN_KEY, "algorithm": "RS256"}]}}, r"jwt\.keys\[0\]\.key is no RS256 key"),
        ({"jwt": {**ISSUER, "keys": [TOKEN_KEY, TOKEN_KEY]}}, r"jwt\.keys\[\]\.kid '1'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: Any, names: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(KeysInvalid, match=names) as invalid:
        load_keys(path)
    assert str(invalid.value).startswith(str(path))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(KeysInvalid, match="No such file"):
        load_keys(tmp_path / "none.json")
