"""The spin stream: one WebSocket with many calls under way. `stream` and `blocking` are its faces.

`under_way` knows which call is where, `connection` how a connection is opened, `wire` how messages read.
"""
