"""The picture for the documents: fewer colours, but the same picture."""

import struct
import zlib
from itertools import batched

import pytest

from tools.png import SIGNATURE, _make_chunk, _read_chunks, _unfilter, reduce_colours


def make_png(rows: list[list[tuple[int, ...]]], *, depth: int = 8, kind: int = 0) -> bytes:
    """A PNG as a browser writes it; `kind` is the filter of each row, of which only the first may be another than 0."""
    size = len(rows[0][0])
    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), depth, {3: 2, 4: 6}[size], 0, 0, 0)
    data = b"".join(bytes([kind, *(value for pixel in row for value in pixel)]) for row in rows)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(data)), (b"IEND", b""))
    return SIGNATURE + b"".join(_make_chunk(*chunk) for chunk in chunks)


def pixels_of(png: bytes) -> list[list[tuple[int, ...]]]:
    """The colours of a picture that has a palette."""
    chunks = dict(_read_chunks(png))
    width = struct.unpack_from(">I", chunks[b"IHDR"])[0]
    palette = list(batched(chunks[b"PLTE"], 3, strict=True))
    return [[palette[number] for number in row] for row in _unfilter(zlib.decompress(chunks[b"IDAT"]), width, 1)]


@pytest.mark.parametrize("alpha", [(), (255,)], ids=["without alpha", "with alpha"])
def test_a_picture_of_few_colours_stays_as_it_is(alpha: tuple[int, ...]) -> None:
    rows: list[list[tuple[int, ...]]] = [[(index, 7, other) for index in range(16)] for other in range(16)]
    png = make_png([[(*pixel, *alpha) for pixel in row] for row in rows])
    assert pixels_of(reduce_colours(png)) == rows


def test_of_many_colours_each_pixel_has_a_similar_one() -> None:
    rows: list[list[tuple[int, ...]]] = [
        [(200, 40, blue), (200, green, 40)] for blue in range(256) for green in (blue,)
    ]
    reduced = pixels_of(reduce_colours(make_png(rows)))
    pairs = [pair for row, other in zip(rows, reduced, strict=True) for pair in zip(row, other, strict=True)]
    assert len({pixel for _, pixel in pairs}) <= 256
    assert max(abs(a - b) for pixel, other in pairs for a, b in zip(pixel, other, strict=True)) <= 16


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(0, [9, 1, 2]), (1, [9, 10, 12]), (2, [9, 1, 2]), (3, [9, 5, 4]), (4, [9, 10, 12])],
    ids=["none", "left", "above", "mean", "Paeth"],
)
def test_each_filter_of_a_row_is_undone(kind: int, expected: list[int]) -> None:
    assert list(_unfilter(bytes([kind, 9, 1, 2]), 3, 1)) == [bytes(expected)]


@pytest.mark.parametrize(
    ("kind", "expected"), [(2, [5, 7, 9]), (3, [3, 5, 7]), (4, [5, 7, 9])], ids=["above", "mean", "Paeth"]
)
def test_a_filter_adds_what_is_above(kind: int, expected: list[int]) -> None:
    data = bytes([0, 4, 6, 8, kind, 1, 1, 1])
    assert list(_unfilter(data, 3, 1))[1] == bytes(expected)


def test_what_is_no_screenshot_is_refused() -> None:
    with pytest.raises(ValueError, match="not a screenshot"):
        reduce_colours(make_png([[(1, 2, 3)]], depth=16))
