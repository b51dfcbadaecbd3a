"""The quick ways to read a spin and to check a signature say what the general ones say."""

import hmac

from hypothesis import example, given
from hypothesis import strategies as st

from engine.commands import Spin
from gateway.access.auth import KeyedHash
from gateway.http.errors import Refused
from gateway.spin.hot_routes import SPIN, read_any_spin
from gateway.spin.parameters import canonical_spin

IDS = st.one_of(
    st.text("AZaz09._:@~-", max_size=4), st.text("a", min_size=60, max_size=70), st.text(max_size=3), st.just("%61")
)
AMOUNTS = st.one_of(
    st.integers(-1, 10**15 + 1).map(str), st.sampled_from(["", "01", "+1", "1e3", "1 ", "\u0661", "1" * 16, "0", "00"])
)
VALUES = {
    "player_id": IDS,
    "game_id": IDS,
    "mode": st.sampled_from(["real", "freespin", "real", "Real", ""]),
    "bet": AMOUNTS,
    "win": AMOUNTS,
    "round_id": IDS,
}
PARTS = st.fixed_dictionaries({}, optional=VALUES).map(
    lambda given: [f"{name}={value}" for name, value in given.items()]
)
QUERIES = st.one_of(
    PARTS.map("&".join),
    st.permutations(list(VALUES)).flatmap(
        lambda names: st.tuples(*(VALUES[name].map(f"{name}={{}}".format) for name in names)).map("&".join)
    ),
    st.builds(
        "player_id={}&game_id={}&mode={}&bet={}&win={}{}".format,
        IDS,
        IDS,
        VALUES["mode"],
        AMOUNTS,
        AMOUNTS,
        st.sampled_from(["", "&", "&bet=1", "#"]),
    ),
)


@given(QUERIES.map(lambda query: query.encode("utf-8", "replace")))
@example(b"player_id=p&game_id=g&mode=real&bet=999999999999999&win=0")
@example(b"player_id=p&game_id=g&mode=real&bet=1000000000000000")
@example(b"player_id=p&game_id=g&mode=real")
@example(b"player_id=p&game_id=g&mode=freespin&win=5\n")
def test_a_query_is_read_alike_quickly_and_in_general(query: bytes) -> None:
    try:
        general: object = read_any_spin(query)
    except Refused as refused:
        general = refused.detail
    try:
        quick: object = SPIN.read(query, b"", "")
    except Refused as refused:
        quick = refused.detail
    assert quick == general


@given(
    st.from_regex(r"\A[a-z]{1,64}\Z"),
    st.from_regex(r"\A[a-z]{1,64}\Z"),
    st.integers(1, 10**15 - 1),
    st.integers(0, 10**15 - 1),
)
def test_what_nearly_every_spin_sends_is_read_quickly(player_id: str, game_id: str, bet: int, win: int) -> None:
    query = f"player_id={player_id}&game_id={game_id}&mode=real&bet={bet}&win={win}".encode()
    assert canonical_spin(query) == (player_id, game_id, "real", bet, win)
    assert SPIN.read(query, b"", "") == (player_id, Spin(game_id, "real", bet, win))


@given(st.binary(max_size=200), st.binary(max_size=300))
def test_a_keyed_hash_is_hmac_sha256(secret: bytes, message: bytes) -> None:
    keyed = KeyedHash(secret)
    for _ in range(2):
        assert keyed.sign(message) == hmac.digest(secret, message, "sha256").hex().encode()
