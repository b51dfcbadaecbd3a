"""Points and levels in numbers: what the shards' metrics and the answers say, step by step through one evening."""

import time

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.figures import FRESH_S
from tests.e2e.sandbox import Sandbox

pytestmark = pytest.mark.timeout(240)

COUNTED = (
    ("points_accrued_total", ""), ("points_reversed_total", ""), ("points_redeemed_total", ""),
    ("level_up_events", "play"), ("level_up_events", "forced"),
)  # fmt: skip


def counted(sandbox: Sandbox) -> tuple[float, ...]:
    """The metrics of loyalty, in the order of `COUNTED`, over all shards."""
    total = dict.fromkeys(COUNTED, 0.0)
    for entry in sandbox.api.plain("GET", "/metrics/targets").json():
        if entry["labels"]["job"] == "croupier-shard":
            text = httpx.get(f"http://{entry['targets'][0]}/metrics").text
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    key = (sample.name, sample.labels.get("reason", ""))
                    total |= {key: total[key] + sample.value} if key in total else {}
    return tuple(total[key] for key in COUNTED)


def points_of_all(sandbox: Sandbox) -> tuple[float, float]:
    """Registered players, and the points available to them together; all that happened before the call is in them."""
    time.sleep(FRESH_S)  # the gateway shows figures that are so old at most, and nothing tells when it read them
    shown = sandbox.metrics("croupier-gateway")
    return shown["registered_players"], shown["avg_points_per_user"] * shown["registered_players"]


class Evening:
    """What was counted since the evening began: the server has seen other players before."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._before = counted(sandbox)

    def so_far(self) -> tuple[float, ...]:
        """As `COUNTED`."""
        pairs = zip(counted(self.sandbox), self._before, strict=True)
        return tuple(round(now - before, 6) for now, before in pairs)

    def admin(self, target: str, player_id: str, **body: object) -> None:
        """A change by the loyalty administrator."""
        api = self.sandbox.api
        sent = {"player_id": player_id, "reason": "a test", **body}
        assert api.person("loyalty_admin", "POST", target, sent, key=api.new_key()).status_code == 200


def test_points_and_levels_of_an_evening(sandbox: Sandbox) -> None:
    """Bets on a slot (1 point per EUR), elsewhere, rolled back, redeemed; climbs by play and by hand."""
    evening, api = Evening(sandbox), sandbox.api
    players, points = points_of_all(sandbox)
    ann = sandbox.player(900)

    spin = sandbox.spin(ann, bet=250).json()
    assert spin["loyalty"] == {"level": "bronze", "points": 2}
    assert evening.so_far() == (2.5, 0, 0, 0, 0)

    bet = {"amount": 1_000_000, "game_type": "live"}
    reported = api.platform("POST", f"/players/{ann}/bets", bet, key="elsewhere").json()
    assert (reported["points_earned"], reported["level"]) == ("15000", "silver")
    assert evening.so_far() == (15_002.5, 0, 0, 1, 0)

    undone = api.platform("POST", f"/players/{ann}/bets/rollback", {"transaction_id": "elsewhere"}).json()
    assert undone["status"] == "rolled_back"
    assert sandbox.view(ann)["loyalty"]["level"] == "bronze"
    assert evening.so_far() == (15_002.5, 15_000, 0, 1, 0)

    evening.admin("/loyalty/points/add", ann, points=1_500)
    evening.admin("/loyalty/status/update", ann, level="platinum")
    evening.admin("/loyalty/status/update", ann, level="silver")
    assert evening.so_far() == (15_002.5, 15_000, 0, 1, 1)

    redemption = api.platform("POST", "/loyalty/redemptions", {"player_id": ann, "points": 1_200}).json()
    assert (redemption["amount"], redemption["points"]["available"]) == (1_200, 302)
    assert evening.so_far()[2] == 0
    target = f"/loyalty/redemptions/{redemption['redemption_id']}/confirm"
    confirmed = api.platform("POST", target, {"player_id": ann}).json()
    assert (confirmed["state"], confirmed["granted"][0]["amount"], confirmed["balance"]["bonus"]) == (
        "confirmed",
        1_200,
        1_200,
    )
    assert evening.so_far() == (15_002.5, 15_000, 1_200, 1, 1)
    standing = api.platform("GET", f"/loyalty/{ann}").json()
    assert standing["points"] == {"available": 302, "locked": 0, "spent": 1_200, "expired": 0, "lifetime": 1_502}
    assert points_of_all(sandbox) == pytest.approx((players + 1, points + 302.5))


def test_what_a_level_gives_where_it_matters(sandbox: Sandbox) -> None:
    """Platinum: lowest return to player at session start and launch, accelerated withdrawals, the ladder's words."""
    evening, api = Evening(sandbox), sandbox.api
    vip = sandbox.player(900)
    evening.admin("/loyalty/status/update", vip, level="platinum")

    shown = api.platform("GET", f"/loyalty/{vip}").json()
    assert (shown["level"], shown["forced"], shown["next_level"]) == ("platinum", True, None)
    assert shown["privileges"] == {
        "bonus_multiplier": "1.5",
        "cashback_percent": "3",
        "manager": "personal",
        "min_rtp": "0.97",
        "withdrawal": "accelerated",
        "offers": ["exclusive_tournaments", "special_free_spins"],
    }
    asked = api.game("GET", f"/players/{vip}/rtp?game_id=book-of-dunes").json()
    session = api.platform("POST", f"/players/{vip}/sessions", {}).json()
    assert asked["level"] == "platinum"
    assert asked["min_rtp"] == session["min_rtp"] == ("0.97" if asked["flag"] else None)
    withdrawal = api.platform("POST", f"/players/{vip}/withdrawals", {"amount": 100}).json()
    assert withdrawal["privilege"] == "accelerated"

    ladder = api.platform("GET", "/loyalty/levels?lang=de").json()
    assert [level["id"] for level in ladder["levels"]] == ["bronze", "silver", "gold", "platinum"]
    assert [level["threshold_eur"] for level in ladder["levels"]] == ["0.00", "10000.00", "50000.00", "200000.00"]
    assert ladder["language"] == "de" and all(level["name"] for level in ladder["levels"])
