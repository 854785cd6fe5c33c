"""`python -m calibtui.engine.server ROOT [IDLE_SECONDS]`."""

import sys

from calibtui.engine.server.process import main

raise SystemExit(main(sys.argv[1:]))
