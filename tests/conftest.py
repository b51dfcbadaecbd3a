"""Profiles of the property tests.

`HYPOTHESIS_PROFILE=nightly` plays much longer than what every commit pays for; `quick` less, for one's own loop.
"""

import os

from hypothesis import HealthCheck, settings

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile(
    "commit", max_examples=120, stateful_step_count=40, deadline=None, print_blob=True, suppress_health_check=SLOW
)
settings.register_profile(
    "nightly", max_examples=2_000, stateful_step_count=80, deadline=None, print_blob=True, suppress_health_check=SLOW
)
settings.register_profile(
    "quick", max_examples=25, stateful_step_count=30, deadline=None, print_blob=True, suppress_health_check=SLOW
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "commit"))
