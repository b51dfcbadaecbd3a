"""The bus in on real sockets: a mock cluster of librdkafka."""
