"""A cluster with the topic that is read and the topic of its dead letters."""

from collections.abc import Iterator

import pytest

from tests.support.bus_in import DEAD, TOPIC, RememberingPlayers
from tests.support.kafka import MockKafka, mock_kafka
from tests.support.reader_store import MemoryReaders


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    with mock_kafka(brokers=1) as cluster:
        cluster.form_groups_within(50)
        cluster.create_topic(TOPIC, 4)
        cluster.create_topic(DEAD, 2)
        yield cluster


@pytest.fixture
def players() -> RememberingPlayers:
    return RememberingPlayers()


@pytest.fixture
def store() -> MemoryReaders:
    return MemoryReaders()
