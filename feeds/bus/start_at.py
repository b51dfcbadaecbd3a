"""Says anew where the bus in goes on with a topic, for `croupier bus start-at`: after the topic was made anew, after
messages expired unread, or on another cluster of brokers. Nobody may read the topic meanwhile.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, Literal

from confluent_kafka import Consumer, KafkaException, TopicPartition

from feeds.bus.incoming.settings import CLIENT_ID, BusInSettings
from feeds.bus.incoming.watermarks import ReaderStore, Watermarks

ANSWER_S: Final = 15.0
Where = Literal["earliest", "latest"]


class CantStartThere(Exception):
    """The brokers don't do it. The message is for the operator."""


async def start_at(settings: BusInSettings, store: ReaderStore, topic: str, where: Where) -> Mapping[int, int]:
    """Sets the group's offset and our own watermark of every partition; by partition, the offset.

    Raises CantStartThere, CredentialMissing, StoreError.
    """
    places = await asyncio.to_thread(_move_group, settings, topic, where)
    watermarks = Watermarks(store)
    for partition, offset in places.items():
        await watermarks.claim((topic, partition))
        await watermarks.set((topic, partition), offset)
    return places


def _move_group(settings: BusInSettings, topic: str, where: Where) -> Mapping[int, int]:
    """Commits where each partition begins or ends, which the brokers refuse if the group has members."""
    consumer = Consumer(settings.client(CLIENT_ID) | {"group.id": settings.group, "enable.auto.commit": False})
    try:
        places = _places(consumer, topic, where)
        offsets = [TopicPartition(topic, partition, offset) for partition, offset in places.items()]
        consumer.commit(offsets=offsets, asynchronous=False)
    except KafkaException as failure:
        raise CantStartThere(
            f"{failure.args[0].str()}; is every bus-in of group {settings.group} stopped?"
        ) from failure
    finally:
        consumer.close()
    return places


def _places(consumer: Consumer, topic: str, where: Where) -> Mapping[int, int]:
    described = consumer.list_topics(topic, timeout=ANSWER_S).topics[topic]
    if described.error is not None:
        raise CantStartThere(f"topic {topic}: {described.error.str()}")
    places = {}
    for partition in described.partitions:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), ANSWER_S)
        places[partition] = low if where == "earliest" else high
    return places
