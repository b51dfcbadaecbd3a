"""The rooms of the bus in, without a broker."""
