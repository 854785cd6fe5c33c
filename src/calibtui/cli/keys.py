"""`calibtui keys`: who may charge which budget node."""

from __future__ import annotations

import argparse
import json
import time

from calibtui.cli.words import directory_and_verb
from calibtui.core.errors import ConfigurationError
from calibtui.core.text import one_line
from calibtui.gateway.money.virtual_keys import make_key
from calibtui.store.store import Store
from calibtui.workspace.load import load_settings

VERBS = {"add": 2, "list": 0, "revoke": 1}


def run(arguments: argparse.Namespace) -> int:
    directory, verb, rest = directory_and_verb("keys", arguments.words, VERBS)
    settings = load_settings(directory)
    with Store(settings.state) as store:
        if verb == "add":
            name, node = rest
            key = make_key(store.keys, settings.budgets, name, node)
            print(json.dumps({"schema": 1, "name": name, "node": node, "key": key}) if arguments.json else key)
        elif verb == "revoke":
            if not store.keys.revoke(rest[0], time.time()):
                raise ConfigurationError(f"No key in use is named {rest[0]!r}.", "See them: calibtui keys list.")
            print(json.dumps({"schema": 1, "revoked": rest[0]}) if arguments.json else f"revoked {one_line(rest[0])}")
        else:
            rows = [
                {"name": key.name, "node": key.node, "made_by": key.made_by, "in_use": key.revoked_at is None}
                for key in store.keys.all()
            ]
            if arguments.json:
                print(json.dumps({"schema": 1, "keys": rows}))
            else:
                for row in rows:
                    state = "" if row["in_use"] else "  (revoked)"
                    print(one_line(f"{row['name']}  {row['node']}  by {row['made_by']}{state}"))
    return 0
