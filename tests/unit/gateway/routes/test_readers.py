"""Players whom a reader has stopped, over HTTP: what reaches the reader, and what its answers become."""

from tests.support.gateway_doubles import READER_ANSWERS, ScriptedReaders, app_with, calling


async def test_who_is_stopped_is_asked_of_the_reader() -> None:
    readers = ScriptedReaders()
    async with calling(app_with(readers=readers)) as client:
        assert (await client.get("/readers/webhooks/stopped")).json() == READER_ANSWERS["stopped"]
        await client.get("/readers/webhooks/stopped?after=p1")
    asked = [{"do": "stopped", "after": after} for after in ("", "p1")]
    assert readers.asked == [("webhooks", each) for each in asked]


async def test_a_player_goes_on() -> None:
    readers = ScriptedReaders()
    async with calling(app_with(readers=readers)) as client:
        response = await client.post("/readers/archive/stopped/p1/resume")
    assert response.json() == {"player_id": "p1", "resumed": True, "last": 3}
    assert readers.asked == [("archive", {"do": "resume", "player_id": "p1"})]


async def test_a_reader_that_is_not_configured_is_the_caller_s_mistake() -> None:
    readers = ScriptedReaders()
    async with calling(app_with(readers=readers)) as client:
        response = await client.get("/readers/buss/stopped")
    assert (response.status_code, response.json()["code"]) == (404, "reader_not_found")
    assert response.json()["detail"] == "There is no reader buss; there are: archive, webhooks."
    assert readers.asked == []
