"""Stand-ins for what the gateway talks to, and the smallest valid request of every route. Tests import from here."""

from tests.support.gateway_doubles.application import RoleAuth, app_with, calling
from tests.support.gateway_doubles.control import (
    DEPLOYED,
    OPERATION,
    QUIET,
    SOUND,
    WAITS,
    MemoryControlLog,
    MemoryProposals,
    QuietCluster,
    ScriptedControl,
    ScriptedOperations,
)
from tests.support.gateway_doubles.histories import (
    DISPUTE,
    EXPLAINED,
    HISTORY,
    LINE,
    SECRET_LINE,
    STEP,
    ScriptedHistory,
)
from tests.support.gateway_doubles.players import BALANCE, LOYALTY, REPLIES, ROUND, VIEW, Asked, ScriptedPlayers
from tests.support.gateway_doubles.readers import ENDPOINT, READER_ANSWERS, RECEIPT, ScriptedReaders
from tests.support.gateway_doubles.reports import ScriptedReports
from tests.support.gateway_doubles.requests import CHANGES, KEYED, SAMPLES, SPIN, send

__all__ = [
    "BALANCE",
    "CHANGES",
    "DEPLOYED",
    "DISPUTE",
    "ENDPOINT",
    "EXPLAINED",
    "HISTORY",
    "KEYED",
    "LINE",
    "LOYALTY",
    "OPERATION",
    "QUIET",
    "READER_ANSWERS",
    "RECEIPT",
    "REPLIES",
    "ROUND",
    "SAMPLES",
    "SECRET_LINE",
    "SOUND",
    "SPIN",
    "STEP",
    "VIEW",
    "WAITS",
    "Asked",
    "MemoryControlLog",
    "MemoryProposals",
    "QuietCluster",
    "RoleAuth",
    "ScriptedControl",
    "ScriptedHistory",
    "ScriptedOperations",
    "ScriptedPlayers",
    "ScriptedReaders",
    "ScriptedReports",
    "app_with",
    "calling",
    "send",
]
