"""The event bus, by Kafka's protocol: what happened goes out, and what happened elsewhere comes in."""
