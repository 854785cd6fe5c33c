"""Who runs this process, as the operating system knows it: the one whose budget is charged."""

from __future__ import annotations

import os
import pwd


def os_user() -> str:
    """The user name of the real user id; "uid N" where the system has no name for it, as in some containers.

    Not from the environment: USER and LOGNAME say whatever somebody wrote into them.
    """
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
