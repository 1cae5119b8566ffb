"""Strategies that change valid files as damage and malice would: bytes in, bytes out.

A format with a structure is changed inside of it, and its checksums are made right again. Otherwise most changes
would only meet the first check of the reader.

The module has more than 250 lines because each format of the program has its own strategy here.
"""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
Mutation = st.SearchStrategy[bytes]

ODD_TOKENS = (
    *("null", "true", "false", "0", "-1", "1", "2", "-0.0", "0.5", "1e-320", "1e39", "1e308", "-1e308", "1e400"),
    *("NaN", "Infinity", "-Infinity", "1.5", "2147483648", "9223372036854775807", "9223372036854775808"),
    *("-9223372036854775808", "1" + "0" * 400, "1" * 5000, "1000000", "1000000000000000", '""', '"text"', '"-1"'),
    *('"\\ud800"', '"\\u0000"', '"\\n\\u001b[2J"', '"' + "a" * 70_000 + '"', '"<script>alert(1)</script>"'),
    *('"../../etc/passwd"', '"folder:/dev/zero"', '"mlp"', '"conv"', '"F32"', '"I64"', '"F8_E4M3"', '"BF16"', '"U8"'),
    *("[]", "{}", "[[]]", "[0]", "[1,2,3]", "[1000000,1000000]", "[" + "9," * 5000 + "9]", '{"a":{"b":[]}}'),
    *("[" * 40 + "]" * 40, "[" * 100_000, '{"a":' * 40 + "0" + "}" * 40, '{"a":1,"a":2}'),
)
"""What no writer of the program would write in the place of a value, as JSON and as what is not quite JSON."""
ODD_NUMBERS = (0, 1, 2, 7, 127, 128, 255, 256, 32767, 65535, 2**20, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
_HEAD_BYTES = 256


@st.composite
def changed_bytes(draw: Draw, base: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Return the bytes after one to six changes: bits, numbers, cuts, doubled parts, parts of other files."""
    data = bytearray(base)
    for _ in range(draw(st.integers(1, 6))):
        end = len(data) if draw(st.booleans()) else min(len(data), _HEAD_BYTES)
        start = draw(st.integers(0, max(0, end - 1)))
        match draw(
            st.sampled_from(("bit", "byte", "number", "cut", "remove", "double", "insert", "splice", "zeros"))
        ):
            case "bit" if data:
                data[start] ^= 1 << draw(st.integers(0, 7))
            case "byte" if data:
                data[start] = draw(st.sampled_from((0, 1, 0x7F, 0x80, 0xFF)))
            case "number":
                width = draw(st.sampled_from((2, 4, 8)))
                order = draw(st.sampled_from(("big", "little")))
                value = draw(st.sampled_from(ODD_NUMBERS)) % 2 ** (8 * width)
                data[start : start + width] = value.to_bytes(width, order)
            case "cut":
                del data[start:]
            case "remove":
                del data[start : start + draw(st.integers(1, 64))]
            case "double":
                part = data[start : start + draw(st.integers(1, 64))]
                data[start:start] = part * draw(st.sampled_from((1, 2, 100)))
            case "insert":
                data[start:start] = draw(st.binary(min_size=1, max_size=32))
            case "splice" if others:
                other = draw(st.sampled_from(others))
                data[start:] = other[draw(st.integers(0, max(0, len(other) - 1))) :]
            case "zeros":
                data[start:start] = bytes(draw(st.sampled_from((1, 64, 4096))))
    return bytes(data)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value inside of this one."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:50]) if isinstance(value, list) else ()
    return [place for key, inner in items for place in ((*path, key), *_places(inner, (*path, key)))]


@st.composite
def changed_json(draw: Draw, text: str, keys: Sequence[str] = ()) -> str:
    """Return the JSON after one to three values, keys or types were changed. `keys` are further names for keys."""
    value = json.loads(text)
    tokens: dict[str, str] = {}
    for _ in range(draw(st.integers(1, 3))):
        places = _places(value)
        if not places:
            break
        *path, last = draw(st.sampled_from(places))
        owner = value
        for key in path:
            owner = owner[key]
        match draw(
            st.sampled_from(("odd", "odd", "odd", "remove", "rename", "text", "list", "scale", "many", "copy"))
        ):
            case "odd":
                owner[last] = _token(draw(st.sampled_from(ODD_TOKENS)), tokens)
            case "remove":
                del owner[last]
            case "rename" if isinstance(owner, dict):
                names = [*keys, *owner, "format", "__class__", "self", "\ud800", "a" * 300, ""]
                owner[draw(st.sampled_from(names))] = owner.pop(last)
            case "text":
                owner[last] = str(owner[last])[:1000]
            case "list":
                owner[last] = [owner[last]] * draw(st.integers(0, 3))
            case "scale" if isinstance(owner[last], int | float):
                factor = draw(st.sampled_from((-1, 0.5, 2, 10, 1000, 10**6, 10**12)))
                owner[last] = owner[last] * factor
            case "many" if isinstance(owner[last], list):
                owner[last] = owner[last] * draw(st.sampled_from((2, 100, 3000)))
            case "copy":
                other = value
                for key in draw(st.sampled_from(places)):
                    if not isinstance(other, dict | list) or (isinstance(other, dict) and key not in other):
                        break
                    if isinstance(other, list) and not (isinstance(key, int) and key < len(other)):
                        break
                    other = other[key]
                owner[last] = json.loads(json.dumps(other))
    text = json.dumps(value)
    for name, token in tokens.items():
        text = text.replace(f'"{name}"', token).replace(name, "x")  # a name can be within another text
    return text


def _token(token: str, tokens: dict[str, str]) -> str:
    name = f"@@{len(tokens)}@@"
    tokens[name] = token
    return name


def json_files(bases: Sequence[bytes], keys: Sequence[str] = ()) -> Mutation:
    """Return a strategy for files that hold one JSON object."""
    texts = st.sampled_from([base.decode() for base in bases])
    inner = texts.flatmap(lambda text: changed_json(text, keys)).map(_encoded)
    odd = st.sampled_from([token.encode() for token in ODD_TOKENS] + [b"", b"\xff\xfe{\x00", b"\xef\xbb\xbf{}"])
    return st.one_of(inner, inner, inner, _changed_file(bases), odd)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _changed_file(bases: Sequence[bytes]) -> Mutation:
    return st.sampled_from(bases).flatmap(lambda base: changed_bytes(base, bases))


@st.composite
def _changed_lines(draw: Draw, base: bytes, keys: Sequence[str]) -> bytes:
    lines = base.splitlines()
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(lines) - 1)))
        match draw(st.sampled_from(("json", "json", "json", "bytes", "odd", "double", "remove", "swap", "many"))):
            case "json" if lines:
                try:
                    lines[place] = _encoded(draw(changed_json(lines[place].decode(), keys)))
                except (ValueError, RecursionError):
                    continue  # changed before
            case "bytes" if lines:
                lines[place] = draw(changed_bytes(lines[place], lines))
            case "odd":
                lines.insert(place, draw(st.sampled_from(ODD_TOKENS)).encode())
            case "double" if lines:
                lines.insert(place, lines[place])
            case "remove" if lines:
                del lines[place]
            case "swap" if lines:
                lines.append(lines.pop(place))
            case "many" if lines:
                lines[place:place] = [lines[place]] * draw(st.sampled_from((3, 50, 300)))
    return b"\n".join(lines) + draw(st.sampled_from((b"\n", b"\n", b"", b"\r\n", b"\0" * 512)))


def jsonl_files(bases: Sequence[bytes], keys: Sequence[str] = ()) -> Mutation:
    """Return a strategy for files with one JSON object a line."""
    lines = st.sampled_from(bases).flatmap(lambda base: _changed_lines(base, keys))
    return st.one_of(lines, lines, _changed_file(bases))


# Weights


def split_safetensors(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header and the bytes of the tensors."""
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def join_safetensors(header: str, body: bytes) -> bytes:
    """Return the file with this header."""
    encoded = _encoded(header)
    return len(encoded).to_bytes(8, "little") + encoded + body


@st.composite
def _changed_safetensors(draw: Draw, base: bytes, others: Sequence[bytes], keys: Sequence[str]) -> bytes:
    header, body = split_safetensors(base)
    kind = draw(
        st.sampled_from(("config", "config", "header", "entry", "body", "length", "exchange", "bytes", "floats"))
    )
    match kind:
        case "config":
            metadata = header["__metadata__"]
            changed = draw(changed_json(metadata["dcgan"], keys))
            return join_safetensors(json.dumps(header | {"__metadata__": {"dcgan": changed}}), body)
        case "header":
            return join_safetensors(draw(changed_json(json.dumps(header), ["__metadata__", "a"])), body)
        case "entry":
            name = draw(st.sampled_from([name for name in header if name != "__metadata__"]))
            entry = draw(changed_json(json.dumps(header.pop(name))))
            text = json.dumps(header | {name: "@@entry@@"}).replace('"@@entry@@"', entry)
            return join_safetensors(text, body)
        case "body":
            return join_safetensors(json.dumps(header), draw(changed_bytes(body)))
        case "length":
            length = draw(
                st.sampled_from((*ODD_NUMBERS, len(base), len(base) - 8, int.from_bytes(base[:8], "little") + 1))
            )
            return length.to_bytes(8, "little") + base[8:]
        case "exchange" if others:
            other, tensors = split_safetensors(draw(st.sampled_from(others)))
            return join_safetensors(json.dumps(other | {"__metadata__": header["__metadata__"]}), tensors)
        case "floats":
            values = bytearray(body)
            number = struct.pack("<f", draw(st.sampled_from((float("nan"), float("inf"), -3e38, 3e38, 1e-45))))
            for _ in range(draw(st.integers(1, 40))):
                place = 4 * draw(st.integers(0, max(0, len(values) // 4 - 1)))
                values[place : place + 4] = number
            return join_safetensors(json.dumps(header), bytes(values[: len(body)]))
    return draw(changed_bytes(base, others))


def safetensors_files(bases: Sequence[bytes], keys: Sequence[str] = ()) -> Mutation:
    """Return a strategy for files of weights: header, metadata, config inside the metadata, and numbers."""
    return st.sampled_from(bases).flatmap(lambda base: _changed_safetensors(base, bases, keys))


# Pictures


def chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG with its checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return the name and the content of each chunk."""
    chunks, place = [], 8
    while place + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        chunks.append((name, data[place + 8 : place + 8 + length]))
        place += 12 + length
    return chunks


_TEXT_BOMB = zlib.compress(bytes(40_000_000), 9)
_PNG_EXTRAS = (
    *((b"tEXt", b"a\0" + b"b" * 1000), (b"zTXt", b"a\0\0" + _TEXT_BOMB), (b"iTXt", b"a\0\1\0\0\0" + _TEXT_BOMB)),
    *(
        (b"iCCP", b"a\0\0" + _TEXT_BOMB),
        (b"eXIf", b"MM\0*\0\0\0\x08\xff\xff"),
        (b"tRNS", b"\0" * 300),
        (b"PLTE", b"ab"),
    ),
    *((b"acTL", struct.pack(">II", 2**31 - 1, 0)), (b"fcTL", b"\0" * 26), (b"gAMA", b"\0"), (b"pHYs", b"\xff" * 9)),
    (b"IDAT", zlib.compress(bytes(2_000_000))),
)


@st.composite
def _changed_png(draw: Draw, base: bytes) -> bytes:
    chunks = png_chunks(base)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(0, len(chunks) - 1)))
        match draw(st.sampled_from(("header", "header", "extra", "bytes", "remove", "double", "swap", "pixels"))):
            case "header" if chunks and len(chunks[0][1]) == 13:
                values = list(struct.unpack(">IIBBBBB", chunks[0][1]))
                field = draw(st.integers(0, 6))
                numbers = (
                    (0, 1, 7, 9, 4000, 2**24, 2**31 - 1, 2**32 - 1) if field < 2 else (0, 1, 2, 3, 4, 6, 8, 16, 255)
                )
                values[field] = draw(st.sampled_from(numbers))
                chunks[0] = (chunks[0][0], struct.pack(">IIBBBBB", *values))
            case "extra":
                chunks.insert(place, draw(st.sampled_from(_PNG_EXTRAS)))
            case "bytes" if chunks:
                chunks[place] = (chunks[place][0], draw(changed_bytes(chunks[place][1])))
            case "remove" if chunks:
                del chunks[place]
            case "double" if chunks:
                chunks.insert(place, chunks[place])
            case "swap" if chunks:
                chunks.append(chunks.pop(place))
            case "pixels":
                numbers = draw(st.binary(max_size=200))
                chunks = [(name, zlib.compress(numbers) if name == b"IDAT" else old) for name, old in chunks]
    return base[:8] + b"".join(chunk(name, content) for name, content in chunks)


def png_files(bases: Sequence[bytes]) -> Mutation:
    """Return a strategy for PNG files, most of them with right checksums."""
    inner = st.sampled_from(bases).flatmap(_changed_png)
    return st.one_of(inner, inner, _changed_file(bases))


def other_files(bases: Sequence[bytes]) -> Mutation:
    """Return a strategy for files that are changed as bytes only."""
    return _changed_file(bases)


# Data sets


def gzip_files(bases: Sequence[bytes], inner: Callable[[Sequence[bytes]], Mutation] = other_files) -> Mutation:
    """Return a strategy for gzip files: the content is changed by `inner`, or the file itself."""
    contents = inner([gzip.decompress(base) for base in bases]).map(lambda data: gzip.compress(data, 1, mtime=0))
    return st.one_of(contents, contents, _changed_file(bases))


@st.composite
def _changed_tar(draw: Draw, base: bytes) -> bytes:
    data = bytearray(base)
    for _ in range(draw(st.integers(1, 4))):
        headers = [place for place in range(0, len(data) - 511, 512) if data[place + 257 : place + 262] == b"ustar"]
        if not headers:
            break
        place = draw(st.sampled_from(headers))
        match draw(st.sampled_from(("size", "type", "link", "name", "sparse", "bytes", "double"))):
            case "size":
                size = draw(
                    st.sampled_from((b"00000000000\0", b"77777777777\0", b"\x80" + b"\xff" * 11, b"-1\0".ljust(12)))
                )
                data[place + 124 : place + 136] = size
            case "type":
                data[place + 156] = draw(st.sampled_from(b"0123456789LKSxgA\0"))
            case "link":
                data[place + 156] = draw(st.sampled_from(b"12"))
                data[place + 157 : place + 257] = bytes(data[place : place + 100])
            case "name":
                name = draw(
                    st.sampled_from((b"/etc/passwd", b"../../data_batch_1.bin", b"\xff\xfe", b"", b"a" * 100))
                )
                data[place : place + 100] = name.ljust(100, b"\0")
            case "sparse":  # GNU's old form: pieces in the header, and the size of the whole
                data[place + 156] = ord("S")
                data[place + 386 : place + 410] = b"00000000000\000000000000001\0"
                data[place + 483 : place + 495] = b"37777777777\0"
            case "bytes":
                start = place + draw(st.integers(0, 511))
                data[start] ^= 1 << draw(st.integers(0, 7))
            case "double":
                data[place:place] = data[place : place + 512]
        data[place + 148 : place + 156] = b" " * 8
        data[place + 148 : place + 156] = b"%06o\0 " % sum(data[place : place + 512])
    return bytes(data)


def tar_files(bases: Sequence[bytes]) -> Mutation:
    """Return a strategy for tar files with right checksums."""
    return st.one_of(st.sampled_from(bases).flatmap(_changed_tar), _changed_file(bases))


# Links


_ODD_TEXTS = (
    *(
        "",
        " ",
        "0",
        "-1",
        "7.0",
        "1e3",
        "4294967296",
        "9" * 400,
        "0x10",
        "٣",
        "NaN",
        "inf",
        "1,2,3",
        "1," * 500,
        ",,",
    ),
    *(
        "../../etc/passwd",
        "<script>alert(1)</script>",
        "a\nb",
        "\0",
        "\x1b[2J",
        "ä" * 300,
        "a" * 2000,
        "\ud800",
        "%00",
    ),
    *(
        "hub:a/b",
        "b9e9e1b1de83",
        "B9E9E1B1DE83",
        "slerp",
        "lerp",
        "1e-400",
        "0." + "3" * 40,
        "true",
        "&amp;",
        "hostile.",
    ),
)


@st.composite
def _changed_link(draw: Draw, base: bytes) -> bytes:
    pairs = parse_qsl(base.decode(), keep_blank_values=True)
    names = [name for name, _ in pairs] + [
        "v",
        "model",
        "w",
        "a",
        "n",
        "t",
        "k",
        "labels",
        "loop",
        "d",
        "utm_x",
        "amp;a",
        "é",
    ]
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(0, max(0, len(pairs) - 1)))
        match draw(st.sampled_from(("value", "value", "value", "key", "double", "remove", "add", "many", "text"))):
            case "value" if pairs:
                pairs[place] = (pairs[place][0], draw(st.sampled_from(_ODD_TEXTS)))
            case "text" if pairs:
                pairs[place] = (pairs[place][0], draw(st.text(max_size=40)))
            case "key" if pairs:
                pairs[place] = (draw(st.sampled_from([*names, *_ODD_TEXTS])), pairs[place][1])
            case "double" if pairs:
                pairs.insert(place, pairs[place])
            case "remove" if pairs:
                del pairs[place]
            case "add":
                pairs.append((draw(st.sampled_from(names)), draw(st.sampled_from(_ODD_TEXTS))))
            case "many":
                pairs += [(f"key{i}", "1") for i in range(draw(st.sampled_from((3, 100, 5000))))]
    return urlencode(pairs, errors="surrogatepass", quote_via=draw(st.sampled_from((quote, _not_quoted)))).encode(
        "utf-8", "surrogatepass"
    )


def _not_quoted(text: str | bytes, *_: Any) -> str:
    return text if isinstance(text, str) else text.decode("latin-1")


def link_files(bases: Sequence[bytes]) -> Mutation:
    """Return a strategy for query strings of links, encoded."""
    inner = st.sampled_from(bases).flatmap(_changed_link)
    return st.one_of(inner, inner, inner, _changed_file(bases), st.binary(max_size=200))
