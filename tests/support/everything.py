"""`croupier up` with every section of integrations.yaml, and what it talks to: brokers, an endpoint, the house."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from tests.support.bus_in import DEAD, TOPIC
from tests.support.croupier_up import CroupierUp
from tests.support.kafka import MockKafka, mock_kafka
from tests.support.notice_world import World, notice_world
from tests.support.redis_server import free_port
from tests.support.webhook_receiver import Receiver, receiving

SECRET = "whsec_" + "c2VjcmV0LXRoYXQtaXMtbG9uZy1lbm91Z2g="
FAMILIES = ("account", "bets", "bonus", "loyalty", "money")
BUS_IN_PORT = free_port()
CATALOG = Path(__file__).parents[2] / "catalog"


@contextmanager
def kafka_with_topics() -> Iterator[MockKafka]:
    """A broker that has the topics of both ways."""
    with mock_kafka(brokers=1) as cluster:
        cluster.form_groups_within(50)
        for topic in (*(f"croupier.{family}" for family in FAMILIES), TOPIC, DEAD):
            cluster.create_topic(topic, 4)
        yield cluster


def configured(folder: Path, kafka: MockKafka, receiver: Receiver, house: World) -> Path:
    """integrations.yaml with every section."""
    archive, spool = folder / "archive", folder / "spool"
    hook = {
        "url": receiver.url,
        "secrets": [{"env": "HOOK_SECRET"}],
        "events": ["DepositMade"],
        "mode": "every",
        "allow_http": True,
        "networks": ["127.0.0.0/8"],
        "begin": "oldest",
    }
    document = {
        "archive": {"place": {"url": str(archive)}, "spool": str(spool), "key_file": str(folder / "key"),
                    "segment_age_s": 0.5},
        "bus": {"brokers": [kafka.bootstrap_servers], "installation": "tests"},
        "bus_in": {
            "brokers": [kafka.bootstrap_servers],
            "topics": [{"name": TOPIC, "types": ["com.croupier.Deposit.v1"]}],
            "first_start": "earliest",
            "session_timeout_s": 6,
        },
        "webhooks": {"endpoints": {"pms": hook}},
        "notices": {
            "product": "casino",
            "catalog": str(CATALOG),
            "pam": {"url": house.url},
            "mail": {"host": "127.0.0.1", "port": house.mail.port, "tls": "none", "sender": "no-reply@casino.example"},
            "kinds": {"bonus_granted": {"channels": ["email"], "category": "service"}},
        },
    }  # fmt: skip
    path = folder / "integrations.yaml"
    path.write_text(json.dumps(document))
    return path


@asynccontextmanager
async def everything(folder: Path, kafka: MockKafka) -> AsyncIterator[tuple[CroupierUp, Receiver, World]]:
    """Runs until the block is left; then it must end cleanly."""
    (folder / "house").mkdir()
    async with receiving() as receiver, notice_world(folder / "house") as house:
        file = configured(folder, kafka, receiver, house)
        options = ("--shards", "1", "--spares", "0", "--integrations", str(file))
        env = {"HOOK_SECRET": SECRET, "CROUPIER_METRICS_PORT": str(BUS_IN_PORT)}
        up = await asyncio.to_thread(
            lambda: CroupierUp(folder, f"sqlite:{folder / 'store'}", *options, archive=True, **env)
        )
        try:
            yield up, receiver, house
        finally:
            code = await asyncio.to_thread(up.stop)
        assert code == 0, up.stderr()[-3000:]
