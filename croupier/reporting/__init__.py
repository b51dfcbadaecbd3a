"""A report from the archive to its bytes: facts are brought up to date, then it is asked. In a process of its own.

`making` is what that process does, `told` the line by which it tells another process what comes.
"""
