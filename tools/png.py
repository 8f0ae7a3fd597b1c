"""Make a screenshot small: a PNG of at most 256 colours, which no eye tells from that of the browser.

Only what Chromium writes is read: 8 bits for each of red, green and blue, with or without alpha, not interlaced.
"""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import batched

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_COLOURS = 256
COLOUR_TYPES = {2: 3, 6: 4}
"""The bytes of a pixel: red, green and blue, and alpha."""

type Colour = tuple[int, ...]


def reduce_colours(png: bytes) -> bytes:
    """Return the same picture in 256 of its colours, each other one as the nearest of them."""
    chunks = list(_read_chunks(png))
    width, height, depth, colour_type, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    if depth != 8 or colour_type not in COLOUR_TYPES or interlaced:  # noqa: PLR2004 - bits
        raise ValueError("not a screenshot of Chromium's")
    size = COLOUR_TYPES[colour_type]
    data = zlib.decompress(b"".join(content for name, content in chunks if name == b"IDAT"))
    rows = [[pixel[:3] for pixel in batched(row, size, strict=True)] for row in _unfilter(data, width * size, size)]
    counts = Counter(pixel for row in rows for pixel in row)
    palette = _choose_palette([colour for colour, _ in counts.most_common()])
    numbers = {pixel: _find_nearest(pixel, palette) for pixel in counts}
    indexed = b"".join(b"\0" + bytes(numbers[pixel] for pixel in row) for row in rows)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    written = ((b"IHDR", head), (b"PLTE", bytes(value for colour in palette for value in colour)))
    return SIGNATURE + b"".join(
        _make_chunk(*chunk) for chunk in (*written, (b"IDAT", zlib.compress(indexed, 9)), (b"IEND", b""))
    )


def _choose_palette(colours: Sequence[Colour]) -> list[Colour]:
    """Return the first of each group of similar colours, then as many of the first ones as have room."""
    groups: dict[Colour, Colour] = {}
    for colour in colours:
        groups.setdefault(tuple(value >> 4 for value in colour), colour)
    return list(dict.fromkeys([*groups.values(), *colours]))[:MAX_COLOURS]


def _find_nearest(pixel: Colour, palette: Sequence[Colour]) -> int:
    distances = [sum((a - b) ** 2 for a, b in zip(pixel, colour, strict=True)) for colour in palette]
    return distances.index(min(distances))


def _read_chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(SIGNATURE)
    while position < len(png):
        (length,) = struct.unpack_from(">I", png, position)
        yield png[position + 4 : position + 8], png[position + 8 : position + 8 + length]
        position += length + 12


def _make_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _unfilter(data: bytes, length: int, size: int) -> Iterator[bytes]:
    """Return the rows of a picture, each of `length` bytes (PNG specification, "Filtering")."""
    above = bytes(length)
    for start in range(0, len(data), length + 1):
        kind, row = data[start], bytearray(data[start + 1 : start + 1 + length])
        for index in range(length if kind else 0):
            left = row[index - size] if index >= size else 0
            corner = above[index - size] if index >= size else 0
            predicted = (0, left, above[index], (left + above[index]) // 2, 0)[kind]
            if kind == 4:  # noqa: PLR2004 - Paeth
                predicted = _predict(left, above[index], corner)
            row[index] = (row[index] + predicted) & 255
        above = bytes(row)
        yield above


def _predict(left: int, up: int, corner: int) -> int:
    estimate = left + up - corner
    return min((left, up, corner), key=lambda value: abs(estimate - value))
