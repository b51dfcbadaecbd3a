"""librdkafka's mock cluster: real sockets on the loopback, real protocol, brokers that go down and err on request.

Its handles lie in the library that confluent-kafka brings along, reached by ctypes. A partition keeps its last 5 MB or
100 000 messages, whichever is less, and nothing outlives the cluster. Its brokers do not check sequence numbers.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import confluent_kafka
from confluent_kafka import Consumer, Message, TopicPartition

PRODUCE: Final = 0
FETCH: Final = 1
METADATA: Final = 3
OFFSET_COMMIT: Final = 8
"""Kafka's API keys: which requests an injected error meets."""
_PRODUCER: Final = 0
_ERROR_SIZE: Final = 256
READ_TIMEOUT_S: Final = 30


def _library() -> ctypes.CDLL:
    """The very library that confluent-kafka has loaded: its wheel keeps it in a folder beside the package."""
    beside = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    found = sorted(beside.glob("librdkafka*.so*"))
    library = ctypes.CDLL(str(found[0]) if found else "librdkafka.so.1")
    for name in ("conf_new", "new", "mock_cluster_new", "mock_cluster_bootstraps"):
        getattr(library, f"rd_kafka_{name}").restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    library.rd_kafka_mock_push_request_errors_array.restype = None
    return library


class MockKafka:
    """A cluster of its own, with topics that are there before anybody asks for them."""

    def __init__(self, brokers: int = 3) -> None:
        self._library = _library()
        error = ctypes.create_string_buffer(_ERROR_SIZE)
        conf = ctypes.c_void_p(self._library.rd_kafka_conf_new())
        handle = self._library.rd_kafka_new(_PRODUCER, conf, error, ctypes.c_size_t(_ERROR_SIZE))
        assert handle, error.value.decode()
        self._handle = ctypes.c_void_p(handle)
        self._cluster = ctypes.c_void_p(self._library.rd_kafka_mock_cluster_new(self._handle, brokers))
        self.brokers = range(1, brokers + 1)
        self.bootstrap_servers: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def close(self) -> None:
        """Ends the cluster with all it holds."""
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._handle)

    def create_topic(self, topic: str, partitions: int = 4) -> None:
        """A topic that does not exist yet, with every broker a replica of each partition."""
        self._call("topic_create", topic.encode(), partitions, len(self.brokers))

    def delete_topic(self, topic: str) -> None:
        """The topic is gone with its messages."""
        self._call("topic_delete", topic.encode())

    def down(self, broker: int) -> None:
        """Closes the broker's connections and refuses new ones."""
        self._call("broker_set_down", broker)

    def up(self, broker: int) -> None:
        """The broker accepts connections again."""
        self._call("broker_set_up", broker)

    def all_down(self) -> None:
        """Nobody answers any more."""
        for broker in self.brokers:
            self.down(broker)

    def all_up(self) -> None:
        """Everybody answers again."""
        for broker in self.brokers:
            self.up(broker)

    def round_trip(self, broker: int, rtt_ms: int) -> None:
        """How long the broker takes for each answer from now on."""
        self._call("broker_set_rtt", broker, rtt_ms)

    def lead(self, topic: str, partition: int, broker: int) -> None:
        """Moves the leadership of a partition."""
        self._call("partition_set_leader", topic.encode(), partition, broker)

    def form_groups_within(self, delay_ms: int) -> None:
        """How long a new consumer group waits for more members; 3 s unless it is told."""
        delay = self._library.rd_kafka_mock_group_initial_rebalance_delay_ms
        delay.restype = None
        delay(self._cluster, ctypes.c_int32(delay_ms))

    def fail(self, api_key: int, errors: Iterable[int]) -> None:
        """The next requests of that kind, at whichever broker, are answered with these codes of `KafkaError`."""
        codes = list(errors)
        array = (ctypes.c_int * len(codes))(*codes)
        push = self._library.rd_kafka_mock_push_request_errors_array
        push(self._cluster, ctypes.c_int16(api_key), ctypes.c_size_t(len(codes)), array)

    def fail_no_more(self, api_key: int) -> None:
        """What `fail` has lined up for requests of that kind is dropped."""
        clear = self._library.rd_kafka_mock_clear_request_errors
        clear.restype = None
        clear(self._cluster, ctypes.c_int16(api_key))

    def spoil(self, topic: str, error: int) -> None:
        """What the brokers say of the topic from now on: a code of `KafkaError`."""
        self._library.rd_kafka_mock_topic_set_error(self._cluster, topic.encode(), ctypes.c_int(error))

    def _call(self, name: str, *arguments: Any) -> None:
        result = getattr(self._library, f"rd_kafka_mock_{name}")(self._cluster, *arguments)
        assert result == 0, f"{name}{arguments} answered {result}"

    def read(self, topics: Iterable[str]) -> list[Message[bytes, bytes]]:
        """All messages that the topics hold at the moment of the call, in order per partition."""
        consumer: Consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap_servers,
                "group.id": "reads-all",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
            }
        )
        try:
            ends = dict(_ends(consumer, topics))
            consumer.assign([TopicPartition(*place, confluent_kafka.OFFSET_BEGINNING) for place in ends])
            return list(_until_the_ends(consumer, {place: end for place, end in ends.items() if end}))
        finally:
            consumer.close()


def _ends(consumer: Consumer, topics: Iterable[str]) -> Iterator[tuple[tuple[str, int], int]]:
    """The offset behind the last message of each partition."""
    for topic in topics:
        for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions:
            _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
            yield (topic, partition), end


def _until_the_ends(consumer: Consumer, left: dict[tuple[str, int], int]) -> Iterator[Message[bytes, bytes]]:
    deadline = time.monotonic() + READ_TIMEOUT_S
    while left:
        assert time.monotonic() < deadline, f"not read to its end: {left}"
        for message in consumer.consume(num_messages=10_000, timeout=0.05):
            assert message.error() is None, message.error()
            yield message
            place = (str(message.topic()), int(message.partition() or 0))
            if place in left and int(message.offset() or 0) + 1 >= left[place]:
                del left[place]


@contextmanager
def mock_kafka(brokers: int = 3) -> Iterator[MockKafka]:
    """A cluster for the length of a `with`."""
    cluster = MockKafka(brokers)
    try:
        yield cluster
    finally:
        cluster.close()
