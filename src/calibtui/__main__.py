"""`python -m calibtui` is `calibtui`."""

from calibtui.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
