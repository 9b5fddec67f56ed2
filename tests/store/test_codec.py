"""The record codec: every integer comes back, and damage is never decoded."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igfast import _core
from igfast.store import codec

FIELDS = ("counts", "outside", "nan", "numel", "offsets", "exponents", "origins")


def cells_of(counts, *, outside=0, nan=0, digits=None, seed=0, dyadic=True):
    """Cells whose totals fit; ``digits`` makes offsets of these averages, 0 to 255."""
    counts = np.asarray(counts, np.int64)
    layers, splits, _ = counts.shape
    outsides = np.full((layers, splits, 2), outside, np.int64)
    nans = np.full(layers, nan, np.int64)
    offsets = None
    if digits is not None:
        offsets = counts * np.asarray(digits, np.int64)
    numel = counts.sum((1, 2)) + outsides.sum((1, 2)) + nans
    places = np.random.default_rng(seed).integers(-1000, 1000, (2, layers)) if dyadic else None
    return codec.Cells(
        counts,
        outsides,
        nans,
        numel,
        offsets,
        None if places is None else places[0],
        None if places is None else places[1] << 33,
    )


def assert_same(found: codec.Cells, wanted: codec.Cells) -> None:
    for field in FIELDS:
        a, b = getattr(found, field), getattr(wanted, field)
        assert (a is None) == (b is None), field
        if b is not None:
            assert a.dtype == np.int64
            np.testing.assert_array_equal(a, b, err_msg=field)


def round_trip(cells: codec.Cells, step=7, identity=2, layers=None) -> codec.Cells:
    _, splits, bins = cells.counts.shape
    directory, segments = codec.encode(cells, step, identity)
    return codec.decode(
        directory, segments, step, identity, splits=splits, bins=bins, layers=layers
    )


def typical(n=20_000, splits=4, bins=64, layers=3, seed=0) -> codec.Cells:
    rng = np.random.default_rng(seed)
    weight = np.exp(-(np.linspace(-3, 3, bins) ** 2) / 2)
    counts = rng.poisson(n * weight / weight.sum() / splits, (layers, splits, bins))
    cells = cells_of(counts, outside=1, nan=2)
    offsets = rng.binomial(255 * counts, 0.5)
    return codec.Cells(
        cells.counts, cells.outside, cells.nan, cells.numel, offsets, cells.exponents, cells.origins
    )


@pytest.mark.parametrize("splits", [1, 2, 4, 8])
@pytest.mark.parametrize("bins", [1, 2, 63, 256])
def test_round_trip(splits, bins):
    cells = typical(splits=splits, bins=bins)
    assert_same(round_trip(cells), cells)


@settings(deadline=None, max_examples=60)
@given(
    shape=st.tuples(st.integers(1, 4), st.sampled_from([1, 2, 4, 8]), st.integers(1, 9)),
    bits=st.integers(0, 45),
    empty=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
    offsets=st.booleans(),
    dyadic=st.booleans(),
)
def test_any_counts_round_trip(shape, bits, empty, seed, offsets, dyadic):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 2**bits, shape, endpoint=True) * (rng.random(shape) >= empty)
    digits = rng.integers(0, 256, shape) if offsets else None
    outside, nan = rng.integers(0, 2 ** min(bits, 40), 2)
    cells = cells_of(
        counts, outside=outside, nan=nan, digits=digits, seed=seed % 100, dyadic=dyadic
    )
    assert_same(round_trip(cells), cells)


@pytest.mark.parametrize("digit", [0, 127, 255])
def test_forty_bit_counts_with_extreme_offsets(digit):
    counts = np.zeros((2, 4, 16), np.int64)
    counts[0, :, 3] = 2**40
    counts[1, 2, 15] = 2**40 + 1
    cells = cells_of(counts, digits=np.full(counts.shape, digit))
    assert_same(round_trip(cells), cells)


def test_empty_layers():
    cells = cells_of(np.zeros((3, 4, 8)), digits=np.zeros((3, 4, 8)))
    assert_same(round_trip(cells), cells)


def test_some_layers_alone():
    cells = typical(layers=5)
    found = round_trip(cells, layers=[3, 1])
    np.testing.assert_array_equal(found.counts, cells.counts[[3, 1]])
    np.testing.assert_array_equal(found.offsets, cells.offsets[[3, 1]])
    np.testing.assert_array_equal(found.numel, cells.numel[[3, 1]])


def test_every_flipped_byte_is_found():
    cells = typical(layers=2, bins=16)
    directory, segments = codec.encode(cells, 5, 1)
    for where, data in (("directory", directory), ("segments", segments)):
        for position in range(len(data)):
            flipped = bytearray(data)
            flipped[position] ^= 0x10
            parts = {"directory": directory, "segments": segments} | {where: bytes(flipped)}
            with pytest.raises(codec.DamagedRecord):
                codec.decode(**parts, step=5, identity=1, splits=4, bins=16)


@pytest.mark.parametrize(
    "context",
    [
        {"step": 6},
        {"identity": 2},
        {"splits": 2, "bins": 34},  # as many cells, another shape
    ],
)
def test_a_record_does_not_pass_for_another(context):
    directory, segments = codec.encode(typical(layers=2, bins=16), 5, 1)
    arguments = {"step": 5, "identity": 1, "splits": 4, "bins": 16} | context
    with pytest.raises(codec.DamagedRecord):
        codec.decode(directory, segments, **arguments)


def test_identity_tells_quantities_and_layers_apart():
    cases = [("param", "a", "b"), ("grad", "a", "b"), ("param", "b", "a"), ("param", "ab")]
    assert len({codec.identity(*case) for case in cases}) == 4


def test_shortened_segments_are_found():
    directory, segments = codec.encode(typical(layers=2, bins=16), 5, 1)
    for size in (0, 1, len(segments) - 1):
        with pytest.raises(codec.DamagedRecord, match="length"):
            codec.decode(directory, segments[:size], 5, 1, splits=4, bins=16)


def unpacked(data: bytes, differenced: bool, bins: int):
    """What becomes of one layer's bytes, whatever they are, behind a checksum that fits."""
    entry = np.zeros(1, codec.DIRECTORY)
    entry["size"], entry["crc"], entry["flags"] = len(data), zlib.crc32(data, 9), differenced
    return _core.unpack_histograms(entry.tobytes(), data, np.zeros(1, np.int64), 9, True, 4, bins)


@pytest.mark.parametrize("bins", [1, 16, 300])
def test_bytes_that_were_never_written_do_no_harm(bins):
    """Behind the checksum stands a decoder that any bytes may reach."""
    rng = np.random.default_rng(bins)
    refused = 0
    for size in [*range(40), *rng.integers(40, 4000, 300).tolist()]:
        data = rng.integers(0, 256, size, np.uint8).tobytes()
        refused += isinstance(unpacked(data, bool(size % 2), bins), str)
    assert refused > 300
    directory, segments = codec.encode(typical(layers=1, bins=bins), 0, 1)
    entries = codec.decode_directory(directory, codec.checksum_start(1, 0, 4, bins))
    differenced = bool(entries["flags"][0] & codec.DIFFERENCED)
    assert isinstance(unpacked(segments, differenced, bins), tuple)
    for wrong in (segments[:-1], segments + b"\0", b"", b"\xff" * 9 + segments):
        assert "not what the codec writes" in unpacked(wrong, differenced, bins)


def test_a_layer_that_is_not_there():
    directory, segments = codec.encode(typical(layers=2, bins=16), 5, 1)
    for layer in (-1, 2):
        with pytest.raises(IndexError, match="no such layer"):
            codec.decode(directory, segments, 5, 1, splits=4, bins=16, layers=[layer])


def test_a_layer_by_hand():
    """Two elements in the second of four bins, worked out from docs/store.md."""
    cells = cells_of([[[0, 2, 0, 0]]], digits=[[[0, 128, 0, 0]]])
    _, segments = codec.encode(cells, 0, 1)
    bits = np.unpackbits(np.frombuffer(segments, np.uint8), bitorder="little")
    runs = (
        "10" + "1"  # underflow and first bin are 0: a run of 2, as 3 in gamma code
        "10"  # then 2 - 1 in unary, for half the mean of 12/16 has no bits
        "10" + "1"  # from the last bin on two zeros again
    )
    values = (
        "0" + "0"  # the bin after a count of 2, of a mean of 48/16: one low bit
        "0" + "0100000"  # offset 256 less 255 is 1, zigzag 2; of a mean of 3304/16: seven low bits
        "000000"
    )
    assert "".join(map(str, bits)) == "10000000" + runs + values


def test_encode_refuses_counts_that_do_not_add_up():
    cells = typical()
    wrong = codec.Cells(cells.counts, cells.outside, cells.nan, cells.numel + 1)
    with pytest.raises(ValueError, match="must be numel"):
        codec.encode(wrong, 0, 1)
    counts = cells.counts.copy()
    counts[0, 0, :2] += [-counts[0, 0, 0] - 1, counts[0, 0, 0] + 1]
    with pytest.raises(ValueError, match="none negative"):
        codec.encode(codec.Cells(counts, cells.outside, cells.nan, cells.numel), 0, 1)


@pytest.mark.parametrize("offset", [-1, 256])
def test_encode_refuses_impossible_offsets(offset):
    cells = cells_of(np.ones((1, 1, 1)))
    wrong = codec.Cells(
        cells.counts, cells.outside, cells.nan, cells.numel, np.full((1, 1, 1), offset)
    )
    with pytest.raises(ValueError, match="offsets must lie between"):
        codec.encode(wrong, 0, 1)


def test_size_of_a_layer_is_near_its_noise():
    """200,000 normal values, 256 bins, 4 splits: shot noise of counts and offsets is 1.9 kB."""
    rng = np.random.default_rng(1)
    x = rng.normal(128, 32, 200_000)
    bins = np.floor(x).astype(int)
    inside = (bins >= 0) & (bins < 256)
    counts, offsets = np.zeros((2, 1, 4, 256), np.int64)
    where = (0, np.arange(len(x))[inside] % 4, bins[inside])
    np.add.at(counts, where, 1)
    np.add.at(offsets, where, np.floor(256 * (x - bins))[inside].astype(int))
    base = cells_of(counts)
    cells = codec.Cells(base.counts, base.outside, base.nan, base.numel, offsets)
    directory, segments = codec.encode(cells, 0, 1)
    assert 1_800 < len(directory) + len(segments) < 2_350


@pytest.mark.parametrize("runs", [1, 2, 3, 4, 10, 11, 18, 19, 257, 258, 259, 260, 517, 5000])
def test_what_is_deflated_is_inflated_by_zlib(runs):
    """Through the directory, whose 40 rows of bytes are mostly runs as long as there are layers."""
    counts = np.zeros((runs, 1, 1), np.int64)
    counts[::2] = 3
    cells = cells_of(counts)
    assert_same(round_trip(cells), cells)
    directory, _ = codec.encode(cells, 0, 0)
    planes = zlib.decompress(directory[4:-4])
    assert len(planes) == codec.DIRECTORY.itemsize * runs
    assert directory[:4] == runs.to_bytes(4, "little")
