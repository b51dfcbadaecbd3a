"""The process that explains: one beside each gateway, started when somebody first asks, ended with the gateway.

`child` is the gateway's side, `process` what runs there, `pipe` the frames between them.
"""
