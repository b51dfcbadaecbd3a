"""Support asks what became of a player, at once after an answer; an auditor asks for the file of a bonus."""

from typing import Any

from snapshots.audit.receipts import read_receipt
from tests.support.attached import receipts_in
from tests.support.croupier_up import CroupierUp, register, wait_until


def test_a_player_is_explained_at_once(proven: CroupierUp) -> None:
    api, player_id = proven.api, "explained"
    register(api, player_id, 1_000)
    first = api.game("POST", f"/spin?player_id={player_id}&game_id=book-of-dunes&mode=real&bet=100&win=30").json()
    for bet in (20, 30, 40):
        spun = api.game("POST", f"/spin?player_id={player_id}&game_id=book-of-dunes&mode=real&bet={bet}&win=0").json()
        newest = _history(proven, player_id, limit=1)["entries"][0]
        assert newest["after"]["real"] == spun["balance"]["real"], "an entry shows at once after its answer"

    whole = _history(proven, player_id, limit=200)
    assert [entry["version"] for entry in whole["entries"]] == list(range(len(whole["entries"]), 0, -1))
    assert whole["complete"] and whole["cursor"] is None

    session = first["session_id"]
    told = api.person("support", "GET", f"/players/{player_id}/rounds/{session}/explain").json()
    texts = [step["text"] for entry in told["entries"] for step in entry["steps"]]
    assert "The whole stake of 1.00 EUR came from real money: real money goes first and covered it." in texts
    assert told["moved"]["real"] == -70 and "level" not in told["entries"][0]

    assert api.person("auditor", "GET", told["receipt_url"]).status_code in (200, 409)
    again = _history(proven, player_id, limit=3)
    paged = [*again["entries"], *_history(proven, player_id, limit=200, cursor=again["cursor"])["entries"]]
    assert paged == whole["entries"], "pages add up to the whole"
    tampered = again["cursor"][:-1] + ("A" if again["cursor"][-1] != "A" else "B")
    refused = api.person("support", "GET", f"/players/{player_id}/history?cursor={tampered}")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "cursor")


def test_the_file_of_a_bonus_is_the_same_each_time(proven: CroupierUp) -> None:
    api, player_id = proven.api, "disputed"
    register(api, player_id, 1_000)
    api.game("POST", f"/spin?player_id={player_id}&game_id=book-of-dunes&mode=real&bet=100&win=30")
    [grant] = api.platform("GET", f"/players/{player_id}/bonuses").json()["grants"]
    target = f"/players/{player_id}/bonuses/{grant['grant_id']}/dispute"
    file = api.person("auditor", "GET", f"{target}.json").json()
    assert (file["campaign_id"], file["state"]) == (grant["campaign_id"], "in_wager")
    assert file["remaining"] == grant["remaining_wager"] == file["wager_total"] - file["counted"]
    assert [bet["stake"] for bet in file["bets"]] == [100]

    def bets_with_receipts() -> Any:
        bets = api.person("auditor", "GET", f"{target}.json?receipts=true").json()["bets"]
        return bets if all(bet["receipt"] for bet in bets) else None

    wait_until("receipts in the file", bets_with_receipts, 40)
    one, two = (api.person("support", "GET", f"{target}.pdf") for _ in range(2))
    assert one.content[:5] == b"%PDF-" and one.content == two.content
    proven_paper = api.person("support", "GET", f"{target}.pdf?receipts=true").content
    [attached] = receipts_in(proven_paper)
    assert read_receipt(attached).session_id == file["bets"][0]["session_id"]
    assert api.person("support", "GET", f"/players/{player_id}/bonuses/g99-1/dispute.json").status_code == 404


def _history(proven: CroupierUp, player_id: str, **asked: Any) -> Any:
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    response = proven.api.person("support", "GET", f"/players/{player_id}/history?{query}")
    assert response.status_code == 200, response.text
    return response.json()
