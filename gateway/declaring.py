"""One declaration per route, at its handler: who may call it, what it answers and refuses, whether it needs a key.

The guard, the table role × route, the OpenAPI document and the tests derive from it; it is said nowhere else.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from gateway.access.roles import Role

SYNTAX: Final = ("invalid_request",)
PROOF: Final = ("unauthenticated", "rate_limited", "forbidden")
BODY: Final = ("body_too_large", "unsupported_media_type")
KEY: Final = ("idempotency_key_required", "idempotency_conflict")
PLAYER: Final = ("player_not_found", "overloaded", "shard_unavailable", "journal_unavailable", "outcome_unknown")

BLOCKED: Final = ("player_blocked", "gaming_disabled")
"""Refusals of every command that nobody may give who is blocked, or switched off."""
CONVERTED: Final = (*BLOCKED, "unsupported_currency")
"""Refusals of every command that moves or counts money in the player's currency."""
RECORDED: Final = ("journal_unavailable", "outcome_unknown")
"""Refusals of what the control log tells of, if it can't be written."""
WAITING: Final = ("invalid_state", "overloaded", "journal_unavailable")
"""Refusals of what may wait for a second person: it was rejected, or too much waits already."""
CONTROL: Final = ("outcome_unknown",)
"""Refusals of every request that the supervisor or the store answers for the whole cluster."""

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Response]])


class Parameter(NamedTuple):
    """A query parameter that FastAPI doesn't know of; `schema` is JSON Schema."""

    name: str
    schema: dict[str, Any]
    required: bool = True
    description: str = ""


class Route(NamedTuple):
    """What a route is. `name` is method and path, like `POST /spin/{session_id}/result`.

    `refuses` are the refusals that only this route has; `refusals` adds those that follow from its kind. `keyed`: the
    route changes something and needs an Idempotency-Key. `body` and `query` describe what FastAPI doesn't parse;
    `form`: the route takes a catalog as a form. `always_recorded`: the control log tells of every call, not only of
    those by people. `may_wait`: it may have to be approved by a second person, and is answered with 202 until then.
    `as_csv`: the answer is CSV if the caller would rather have that.
    """

    name: str
    summary: str
    roles: frozenset[Role]
    answer: type[msgspec.Struct] | None
    refuses: tuple[str, ...] = ()
    statuses: tuple[int, ...] = (200,)
    keyed: bool = False
    asks_player: bool = True
    body: type[msgspec.Struct] | None = None
    form: bool = False
    query: tuple[Parameter, ...] = ()
    always_recorded: bool = False
    may_wait: bool = False
    as_csv: bool = False

    @property
    def recorded(self) -> bool:
        """Whether the control log tells of every call of it, whoever calls: so it is with all that is no player's."""
        return self.always_recorded or (self.keyed and not self.asks_player)

    @property
    def changes(self) -> bool:
        """Whether it changes something, of which the control log tells if a person does it."""
        return self.keyed or (self.always_recorded and self.method != "GET")

    @property
    def method(self) -> str:
        """`GET`, `POST`, `PUT`."""
        return self.name.partition(" ")[0]

    @property
    def path(self) -> str:
        """The template, like `/players/{player_id}`."""
        return self.name.partition(" ")[2]

    @property
    def refusals(self) -> tuple[str, ...]:
        """Every code it may refuse with."""
        codes = [*SYNTAX, *self.refuses]
        codes += PROOF if self.roles else ()
        codes += PLAYER if self.asks_player else ()
        codes += ("already_processed",) if self.asks_player and self.keyed else ()
        codes += KEY if self.keyed else ()
        codes += RECORDED if self.recorded else ()
        codes += WAITING if self.may_wait else ()
        codes += BODY if self.method != "GET" else ()
        return tuple(dict.fromkeys(codes))


class Routes:
    """The FastAPI routes of one topic. A handler's docstring is the summary of its route."""

    def __init__(self) -> None:
        self.router = APIRouter()
        self.declared: list[Route] = []

    def read(
        self,
        name: str,
        *,
        roles: frozenset[Role],
        answers: type[msgspec.Struct] | None,
        refuses: tuple[str, ...] = (),
        statuses: tuple[int, ...] = (200,),
        asks_player: bool = True,
        body: type[msgspec.Struct] | None = None,
        form: bool = False,
        recorded: bool = False,
        as_csv: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Declares a handler that changes nothing and needs no key; the words are those of `Route`."""
        return self._declare(
            Route(
                name=name,
                summary="",
                roles=roles,
                answer=answers,
                refuses=refuses,
                statuses=statuses,
                asks_player=asks_player,
                body=body,
                form=form,
                always_recorded=recorded,
                as_csv=as_csv,
            )
        )

    def change(
        self,
        name: str,
        *,
        roles: frozenset[Role],
        answers: type[msgspec.Struct],
        refuses: tuple[str, ...] = (),
        creates: bool = False,
        asks_player: bool = True,
        body: type[msgspec.Struct] | None = None,
        form: bool = False,
        recorded: bool = False,
        may_wait: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Declares a handler that changes something, once per Idempotency-Key; `creates`: 201, and 200 for a replay."""
        statuses = (200, 201) if creates else (200,)
        return self._declare(
            Route(
                name=name,
                summary="",
                roles=roles,
                answer=answers,
                refuses=refuses,
                statuses=statuses,
                keyed=True,
                asks_player=asks_player,
                body=body,
                form=form,
                always_recorded=recorded,
                may_wait=may_wait,
            )
        )

    def _declare(self, route: Route) -> Callable[[Handler], Handler]:
        def declare(handler: Handler) -> Handler:
            self.declared.append(route._replace(summary=inspect.getdoc(handler) or ""))
            self.router.add_api_route(route.path, handler, methods=[route.method])
            return handler

        return declare


class RouteTable(dict[str, Route]):
    """All routes by name, and which of them a path belongs to."""

    def __init__(self, routes: Iterable[Route]) -> None:
        super().__init__({route.name: route for route in routes})
        self._exact = {route.path for route in self.values() if "{" not in route.path}
        self.form_paths = frozenset(route.path for route in self.values() if route.form)

    def methods_of(self, path: str) -> list[str]:
        """The methods that a path has.

        A path that is declared exactly belongs to no template, even if one fits.
        """
        fitting = self._fitting(path)
        return sorted({route.method for route in fitting if path not in self._exact or route.path == path}) or ["GET"]

    def is_shadowed(self, method: str, path: str) -> bool:
        """Whether the path is declared exactly, and only a template has the method: `GET /loyalty/redemptions` is no
        player's.
        """
        if path not in self._exact or f"{method} {path}" in self:
            return False
        return any(route.method == method for route in self._fitting(path))

    def find(self, method: str, path: str) -> Route | None:
        """The route a request belongs to, an exact path before a template; None if there is none."""
        fitting = [route for route in self._fitting(path) if route.method == method]
        return min(fitting, key=lambda route: route.path != path, default=None)

    def _fitting(self, path: str) -> list[Route]:
        parts = path.split("/")
        return [route for route in self.values() if _fits(route.path.split("/"), parts)]


def _fits(template: list[str], parts: list[str]) -> bool:
    pairs = zip(template, parts, strict=False)
    return len(template) == len(parts) and all(name[:1] == "{" or name == part for name, part in pairs)
