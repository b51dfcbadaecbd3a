"""The control log as the gateway writes it: who did what to the platform, and who was refused.

`Recording` is the face. An operation is written down twice: as `asked` before it is done, and with its outcome before
its answer leaves. Refused attempts are gathered, and never delay an answer.
"""
