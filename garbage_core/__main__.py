"""`python -m garbage_core`: see `garbage_core.cli`."""

import sys

from garbage_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
