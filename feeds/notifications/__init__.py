"""Notices to players by mail, SMS, push: on what happened to them, and on what is about to end.

`making.make` is the face, `settings` the configuration. `kinds` says what players are told, `words` in which words.
`sink` takes the journal, `reasons` finds in it what is owed to whom; `delivering` and `judging` decide whether and when
it leaves, `channels` carry it. The engine knows no addresses: they are asked for (`asking`) at the time of sending.
"""
