"""`python -m calibtui.practice` is `calibtui practice-vlm`."""

from calibtui.practice.process import main

if __name__ == "__main__":
    raise SystemExit(main())
