"""`croupier audit`: verifies an archive with its tree, from the bytes up to every balance, and exports it.

`verifying.verify` is the face. `walking` reads objects in the order of the tree, `tree` and `chains` check what they
are, `balances` recomputes the players, in processes of their own. What was found wrong is a `faults.Fault`.
"""
