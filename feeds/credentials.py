"""Secrets in the configuration of readers. They are defined below, because shards read the archive too."""

from snapshots.credentials import Credential as Credential
from snapshots.credentials import CredentialMissing as CredentialMissing
