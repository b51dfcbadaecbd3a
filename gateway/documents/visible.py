"""Which fields of an answer only some roles see. Said at the field, applied wherever an answer is rendered.

    level: Annotated[str | None, VIP]

A field that the caller may not see is left out of the answer.
"""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

import msgspec

VIP_ROLES: Final = frozenset({"game_server", "platform", "loyalty_admin", "marketing_manager"})
"""Who sees how a player is valued: level, privileges, turnover."""
PERSONAL_ROLES: Final = frozenset({"platform", "support"})
"""Who sees who and where a player is: country, language, segments."""

_MARK: Final = "visible_to"
JSON_MARK: Final = "x-visible-to"
"""In the OpenAPI document."""


def _only_for(roles: frozenset[str]) -> msgspec.Meta:
    listed = sorted(roles)
    text = f"Left out unless the caller is {' or '.join(listed)}."
    return msgspec.Meta(description=text, extra={_MARK: roles}, extra_json_schema={JSON_MARK: listed})


VIP: Final = _only_for(VIP_ROLES)
PERSONAL: Final = _only_for(PERSONAL_ROLES)


@cache
def audiences(kind: type[msgspec.Struct]) -> Mapping[str, frozenset[str]]:
    """The fields of a document that only some roles see, with these roles."""
    hints = get_type_hints(kind, include_extras=True)
    marked = {name: _audience(hint) for name, hint in hints.items()}
    return {name: roles for name, roles in marked.items() if roles is not None}


def _audience(hint: Any) -> frozenset[str] | None:
    if get_origin(hint) is not Annotated:
        return None
    marks = [part.extra[_MARK] for part in get_args(hint)[1:] if isinstance(part, msgspec.Meta) and part.extra]
    return marks[0] if marks else None


def visible(document: Any, roles: Collection[str]) -> Any:
    """The document without the fields that none of these roles may see; the document itself if there are none."""
    if not (VIP_ROLES.isdisjoint(roles) or PERSONAL_ROLES.isdisjoint(roles)):
        return document
    return _visible(document, roles)


def _visible(value: Any, roles: Collection[str]) -> Any:
    if isinstance(value, msgspec.Struct):
        return _of_struct(value, roles)
    if isinstance(value, list | tuple):
        parts = [_visible(part, roles) for part in value]
        return value if all(one is other for one, other in zip(parts, value, strict=True)) else parts
    return value


def _of_struct(value: msgspec.Struct, roles: Collection[str]) -> Any:
    hidden = {name for name, audience in audiences(type(value)).items() if audience.isdisjoint(roles)}
    held = {name: getattr(value, name) for name in value.__struct_fields__}
    held = {name: member for name, member in held.items() if member is not msgspec.UNSET}
    shown = {name: _visible(member, roles) for name, member in held.items() if name not in hidden}
    unchanged = not hidden and all(shown[name] is member for name, member in held.items())
    return value if unchanged else shown
