"""Files of data sets, plain or gzip, read up to a bound: a megabyte of gzip can hold a gigabyte."""

from __future__ import annotations

import gzip
from pathlib import Path

from dcgan.files import open_regular
from dcgan.locale.language import tr

MAX_BYTES = 200_000_000
"""More than the largest file of a named set has: CIFAR-10's archive unpacks to 184 million bytes."""


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes, unpacked where its name ends with .gz.

    gzip's checksum is compared before anything is returned. Raises ValueError for more than MAX_BYTES, and OSError,
    EOFError or zlib.error for what cannot be read or unpacked.
    """
    with open_regular(path) as file:
        if path.suffix == ".gz":
            with gzip.GzipFile(fileobj=file) as unpacked:
                content = unpacked.read(MAX_BYTES + 1)
        else:
            content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(tr("it has more than {most:,} bytes", most=MAX_BYTES))
    return content
