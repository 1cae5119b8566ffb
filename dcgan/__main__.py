"""python -m dcgan"""

import sys

from dcgan.cli.main import main

if __name__ == "__main__":  # decoding processes of a streamed set import this file again
    sys.exit(main())
