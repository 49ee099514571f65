"""`python -m altool` is `altool`."""

import sys

from altool.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
