"""The generators' HTTP: a response is whole or not there yet, wherever the bytes are cut."""

from benchmarks.http_socket import Answer, parse

RESPONSE = b"HTTP/1.1 201 Created\r\ndate: x\r\nContent-Length: 5\r\n\r\nhello"


def test_a_response_is_there_with_its_last_byte() -> None:
    cuts = [parse(RESPONSE[:length]) for length in range(len(RESPONSE))]
    assert cuts == [None] * len(RESPONSE)
    assert parse(RESPONSE + b"HTTP") == (Answer(201, b"hello"), b"HTTP")
