"""The entry point of `python -m dcgan`."""

import sys

from dcgan.cli.main import main

if __name__ == "__main__":  # the decoding processes of a streamed set import this file, too
    sys.exit(main())
