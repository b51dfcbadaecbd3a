"""A message as the broker has it, on its way through the lanes."""

import msgspec
from confluent_kafka import Message

Partition = tuple[str, int]
"""A topic and the number of one of its partitions."""
MessageHeaders = tuple[tuple[str, bytes | None], ...]
RECORD_OVERHEAD_BYTES = 1_024
"""What one message costs in memory beside its bytes, with the command that it becomes."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One message. `seen_ms` is when this process got it (Unix ms)."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: MessageHeaders
    seen_ms: int

    @property
    def place(self) -> Partition:
        """Where it lies."""
        return self.topic, self.partition

    @property
    def size(self) -> int:
        """Bytes that it takes in memory."""
        headers = sum(len(name) + len(value or b"") for name, value in self.headers)
        return len(self.value) + len(self.key or b"") + headers + RECORD_OVERHEAD_BYTES

    def header(self, name: str) -> bytes | None:
        """The first header of that name."""
        return next((value for known, value in self.headers if known == name), None)

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}@{self.offset}"


def headers_of(message: Message) -> MessageHeaders:
    """As they were sent. The library gives pairs of text and bytes, though its types allow more."""
    sent = message.headers() or []
    assert isinstance(sent, list)
    return tuple((name, value.encode() if isinstance(value, str) else value) for name, value in sent)
