"""``python -m skaug.cli``."""

import sys

from skaug.cli import main

if __name__ == "__main__":
    sys.exit(main())
