"""HTTP as such: headers, bodies, problem documents. It knows no route and no player.

The rest of the gateway calls it.
"""
