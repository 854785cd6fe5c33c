"""Keys of our own, handed to people and scripts: each charges one budget node. Shown once, stored hashed."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping

from calibtui.core.errors import ConfigurationError, SettingsError
from calibtui.gateway.money.os_user import os_user
from calibtui.store.keys import KeyRow, KeyTable
from calibtui.workspace.settings import BudgetSettings

PREFIX = "calib-"
VARIABLE = "CALIBTUI_KEY"
"""The environment variable that a run's key comes from; without it the OS user decides."""


def make_key(table: KeyTable, budgets: Mapping[str, BudgetSettings], name: str, node: str) -> str:
    """A new key that charges `node`; this is the only time it can be read. Raises SettingsError for an unknown node,
    ConfigurationError for a name that a key in use has."""
    if node not in budgets:
        known = ", ".join(budgets) or "none"
        raise SettingsError(f"[budgets] has no node {node!r}.", f"Nodes there are: {known}.")
    if any(key.name == name and key.revoked_at is None for key in table.all()):
        raise ConfigurationError(f"A key named {name!r} is in use.", "Choose another name, or revoke that one first.")
    key = PREFIX + secrets.token_urlsafe(32)
    table.add(KeyRow(_digest(key), name, node, os_user(), time.time()))
    return key


def node_of_key(table: KeyTable, budgets: Mapping[str, BudgetSettings], key: str) -> str:
    """The node that `key` charges. Raises SettingsError for a key that was never handed out or is revoked, without
    repeating it."""
    row = table.find(_digest(key))
    if row is None:
        raise SettingsError(f"The key in {VARIABLE} is not one of this workspace's.", "Ask for one: calibtui keys add.")
    if row.revoked_at is not None:
        raise SettingsError(f"The key {row.name!r} in {VARIABLE} is revoked.", "Ask for a new one.")
    if row.node not in budgets:
        raise SettingsError(f"The key {row.name!r} charges {row.node!r}, which [budgets] no longer has.", "Restore it.")
    return row.node


def _digest(key: str) -> str:
    # A key is 256 random bits: there is nothing to guess that a slow hash would protect.
    return hashlib.sha256(key.encode()).hexdigest()
