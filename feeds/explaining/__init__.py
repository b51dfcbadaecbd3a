"""What became of a player's money, in words: the timeline, one round explained, the file of a disputed bonus.

`answering` is the face; `croupier.running` starts it as a process beside the gateways. `words` holds a sentence for
every event, `rules` the paragraphs of docs/rules.md that it names. Nothing here changes anything.
"""
