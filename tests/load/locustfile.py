"""Locust's part of the load test: users, load shapes, options, and the verdict at the end.

    locust -f tests/load/locustfile.py --headless --host http://127.0.0.1:8080 --users 50 --run-time 1m

docs/load-tests.md tells the rest. Each user is one player at a time. In a distributed run the workers' sums are added
up by the master, which alone gives the verdict.
"""

import itertools
import os
import random
import secrets
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from typing import Any

import gevent
from locust import FastHttpUser, LoadTestShape, events, task
from locust.env import Environment
from locust.runners import WorkerRunner

from tests.load import shapes
from tests.load.asking import Caller, Judge, Outcome, Reply, Request, is_error
from tests.load.player import Manners, Player
from tests.load.seat import Seat
from tests.load.settings import read_settings
from tests.load.tally import Tally
from tests.load.terms import read_shelf
from tests.load.verdict import Figures, complaints, report

STOP_TIMEOUT_S = 60
"""How long users have to finish their step and reconcile."""
LAST_REPORTS_S = 15
"""How long the master waits for the last sums of its workers."""
RUN = secrets.token_hex(4)
"""Part of each player's id: two processes, or two runs on one server, never share a player."""

SETTINGS = read_settings(os.environ)
SHELF = read_shelf(SETTINGS.catalog)
TALLY = Tally()
numbers = itertools.count(1)


class PlayerUser(FastHttpUser):
    """One simulated player, who plays, pauses, and is reconciled at the end."""

    insecure = False
    """Certificates are checked, unlike by default: the requests carry a bearer token."""
    network_timeout = 10.0
    connection_timeout = 5.0

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._caller = Caller(self._send, SETTINGS.proof, TALLY, gevent.sleep)
        self._seat = Seat(self._newcomer, TALLY)

    def wait_time(self) -> float:
        """The pause between two steps: a half to one and a half of `--think-ms`."""
        return self.environment.parsed_options.think_ms / 1000 * random.uniform(0.5, 1.5)

    @task
    def play(self) -> None:
        """One step of the player."""
        self._seat.step()

    def on_stop(self) -> None:
        """The player goes, and is reconciled."""
        self._seat.leave()

    def _newcomer(self) -> Player:
        manners = Manners(pause=lambda: gevent.sleep(self.wait_time()))
        return Player(f"load-{RUN}-{next(numbers)}", self._caller, SHELF, TALLY, manners)

    def _send(self, request: Request, headers: Mapping[str, str], judged: Judge) -> Outcome:
        """One request, which locust counts under its name; an expected refusal is no failure."""
        with self.client.request(
            request.method,
            request.target,
            name=request.name,
            data=request.body,
            headers=dict(headers),
            allow_redirects=False,
            catch_response=True,
        ) as response:
            found = {name.lower(): value for name, value in (response.headers or {}).items()}
            outcome = judged(Reply(response.status_code, found, response.content or b""))
            if is_error(outcome):
                response.failure(str(response.error or outcome) if response.status_code == 0 else str(outcome))
            else:
                response.success()
        return outcome


# --- load shapes


class Planned(LoadTestShape):
    """Follows a plan for `--users`, `--spawn-rate` and `--run-time`; at the end it waits until all are reconciled."""

    abstract = True
    use_common_options = True
    plan: Callable[[shapes.Plan, float], shapes.Stage | None]

    def tick(self) -> shapes.Stage | None:
        """Users and spawn rate for this second; None ends the run."""
        options = self.runner.environment.parsed_options
        plan = shapes.Plan(options.num_users or 1, options.spawn_rate or 1, options.run_time or float("inf"))
        stage = self.plan(plan, self.get_run_time())
        if stage is None:
            self.runner.stop()
            self._await_last_reports()
        return stage

    def _await_last_reports(self) -> None:
        with gevent.Timeout(LAST_REPORTS_S, False):
            while not TALLY.all_reconciled:
                gevent.sleep(0.1)


class Steady(Planned):
    """All users, from the start to the end."""

    plan = staticmethod(shapes.steady)


class Ramp(Planned):
    """More users step by step."""

    plan = staticmethod(shapes.ramp)


class Spike(Planned):
    """Few users, suddenly all of them, few again."""

    plan = staticmethod(shapes.spike)


SHAPES: dict[str, type[Planned]] = {"steady": Steady, "ramp": Ramp, "spike": Spike}


# --- options and the end of the run


@events.init_command_line_parser.add_listener
def add_options(parser: ArgumentParser) -> None:
    """The load test's own options, next to locust's."""
    group = parser.add_argument_group("Croupier")
    group.add_argument("--load-shape", choices=sorted(SHAPES), default="steady", help="how the number of users changes")
    group.add_argument("--think-ms", type=int, default=200, help="mean pause of a player between two steps")
    group.add_argument("--p99-max-ms", type=float, default=250, help="the run fails if p99 of all requests is above")


@events.init.add_listener
def prepare(environment: Environment, **_: Any) -> None:
    """Chooses the shape, and leaves users the time to reconcile."""
    environment.stop_timeout = max(environment.stop_timeout, STOP_TIMEOUT_S)
    environment.shape_class = SHAPES[environment.parsed_options.load_shape]()
    environment.shape_class.runner = environment.runner


@events.report_to_master.add_listener
def report_to_master(data: dict[str, Any], **_: Any) -> None:
    """A worker's sums go along with its statistics."""
    data["tally"] = TALLY.take()


@events.worker_report.add_listener
def worker_report(data: dict[str, Any], **_: Any) -> None:
    """The master adds them up."""
    TALLY.add(data["tally"])


@events.quitting.add_listener
def conclude(environment: Environment, **_: Any) -> None:
    """Prints the verdict. The exit code is 0 only if it is good."""
    if isinstance(environment.runner, WorkerRunner):
        return
    total = environment.stats.total
    figures = Figures(
        requests=total.num_requests,
        exceptions=sum(found["count"] for found in environment.runner.exceptions.values()),
        p99_ms=total.get_response_time_percentile(0.99) or 0.0,
    )
    bar_ms = environment.parsed_options.p99_max_ms
    print(report(figures, TALLY, bar_ms))
    environment.process_exit_code = 1 if complaints(figures, TALLY, bar_ms) else 0
