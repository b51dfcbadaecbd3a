"""Failures of durability cross processes: a shard raises them, the supervisor reads them."""

import pickle

from snapshots.errors import StoreRefused


def test_a_refusal_says_in_another_process_what_it_said_in_its_own() -> None:
    refusal = StoreRefused("Redis: LOADING", "loading", proved=True, passes=True)
    read: StoreRefused = pickle.loads(pickle.dumps(refusal))  # what Ray does between two actors
    assert (str(read), read.reason, read.proved, read.passes) == ("Redis: LOADING", "loading", True, True)
