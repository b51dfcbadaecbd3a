"""The data of each type of event, and the command that it becomes. Fields and limits are those of the HTTP API."""

from typing import Annotated, Any, Final, Protocol, get_args

import msgspec
from msgspec import Meta

from engine import identifiers
from engine.amounts import AMOUNT_MAX
from engine.canonical import canonical_address, canonical_payload
from engine.catalog import GameType
from engine.commands import CommandBody, Deposit, PostEvent, ReportBet, RollbackReportedBet, StartSession
from feeds.bus.incoming.cloud_events import Envelope, EventRefused
from feeds.bus.incoming.settings import EventType

Amount = Annotated[int, Meta(ge=1, le=AMOUNT_MAX, description="Minor units of the player's currency")]
Reference = Annotated[str, Meta(pattern=rf"^{identifiers.REFERENCE}\Z")]
Country = Annotated[str, Meta(pattern=rf"^{identifiers.COUNTRY}\Z")]
EventName = Annotated[str, Meta(pattern=rf"^{identifiers.EVENT_NAME}\Z")]
Address = Annotated[str, Meta(max_length=45)]


class Document(Protocol):
    """The data of one type."""

    def body(self, caller: str) -> CommandBody:
        """The command. `caller` is the event's client. Raises ValueError."""


class DepositData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`com.croupier.Deposit.v1`: a deposit that the cashier has taken."""

    amount: Amount
    payment_instrument: Reference | None = None
    ip: Address | None = None
    device: Reference | None = None

    def body(self, _: str) -> CommandBody:
        """See `Document`."""
        return Deposit(self.amount, self.payment_instrument, _address(self.ip), self.device)


class ReportBetData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`com.croupier.ReportBet.v1`: a bet on another vertical, which counts for turnover and points."""

    amount: Amount
    game_type: GameType

    def body(self, _: str) -> CommandBody:
        """See `Document`."""
        return ReportBet(self.amount, self.game_type)


class RollBackBetData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`com.croupier.RollBackBet.v1`: `transaction_id` is the id of the ReportBet event of the same source."""

    transaction_id: Reference

    def body(self, caller: str) -> CommandBody:
        """See `Document`."""
        return RollbackReportedBet(f"{caller}:{self.transaction_id}")


class StartSessionData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`com.croupier.StartSession.v1`: `country` is where the player claims to be."""

    ip: Address | None = None
    device: Reference | None = None
    country: Country | None = None

    def body(self, _: str) -> CommandBody:
        """See `Document`."""
        return StartSession(_address(self.ip), self.device, self.country)


class PostEventData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`com.croupier.PostEvent.v1`: something for which a campaign may wait; the payload is never interpreted."""

    name: EventName
    payload: dict[str, Any] | None = None

    def body(self, _: str) -> CommandBody:
        """See `Document`."""
        return PostEvent(self.name, "" if self.payload is None else canonical_payload(self.payload))


DOCUMENTS: Final[dict[EventType, type[Document]]] = {
    "com.croupier.Deposit.v1": DepositData,
    "com.croupier.ReportBet.v1": ReportBetData,
    "com.croupier.RollBackBet.v1": RollBackBetData,
    "com.croupier.StartSession.v1": StartSessionData,
    "com.croupier.PostEvent.v1": PostEventData,
}
_DECODERS: Final = {name: msgspec.json.Decoder(DOCUMENTS[name]) for name in get_args(EventType)}


def body_of(envelope: Envelope) -> CommandBody:
    """The command that an event of a known type becomes. Raises EventRefused `invalid_data`."""
    try:
        document: Document = _DECODERS[envelope.type].decode(envelope.data)
        return document.body(envelope.caller)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise EventRefused("invalid_data", f"The data of {envelope.type} is wrong: {error}.") from None


def _address(text: str | None) -> str | None:
    return None if text is None else canonical_address(text)
