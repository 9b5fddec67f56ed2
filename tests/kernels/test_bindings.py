"""Bad arguments raise, and say which argument, what it was and what is allowed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from igfast import _core

CPU_INFO = Path("/proc/cpuinfo")


@pytest.fixture
def good() -> dict[str, object]:
    x = np.zeros(10, np.float32)
    return {
        "keep": x,
        "tensors": np.array([[x.ctypes.data, 10, 0, 1, 0]]),
        "grid": _core.GRID_DYADIC,
        "bins": 4,
        "splits": 2,
        "edges": None,
        "exponents": np.zeros(1, np.int64),
        "origins": np.zeros(1, np.int64),
        "log": None,
        "split_counts": np.zeros((1, 2, 4), np.int64),
        "split_outside": np.zeros((1, 2, 2), np.int64),
        "nan": np.zeros(1, np.int64),
        "offsets": None,
        "moments": None,
        "threads": 1,
    }


def call(arguments: dict[str, object], **changed: object) -> tuple[str, int]:
    merged = {**arguments, **changed}
    merged.pop("keep")
    return _core.histogram(**merged)


def test_the_good_call_is_good(good):
    assert call(good) == (_core.isa(), 1)
    assert good["split_counts"].sum() == 10


UNIFORM = {"grid": _core.GRID_UNIFORM, "exponents": None, "origins": None}
LOG = {"grid": _core.GRID_LOG, "exponents": None, "origins": None}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"bins": 0}, "bins must be in [1, 65536], not 0"),
        ({"bins": 65_537}, "bins must be in [1, 65536], not 65537"),
        ({"splits": 3}, "splits must be 1, 2, 4 or 8, not 3"),
        ({"grid": 7}, "grid must be in [0, 2], not 7"),
        ({"threads": -1}, "threads must be in [0, 1024], not -1"),
        ({"exponents": np.array([-1101])}, "exponents must be in [-1100, 1023], not -1101"),
        ({"origins": np.array([2**44])}, "origins must be in"),
        ({"split_counts": np.zeros((1, 2, 5), np.int64)}, "split_counts must be a C-contiguous"),
        ({"split_counts": np.zeros((1, 2, 4), np.int32)}, "int32 (1, 2, 4)"),
        ({"split_outside": np.zeros((1, 2, 4), np.int64)[..., ::2]}, "(not contiguous)"),
        ({"tensors": np.array([[1, 2, 3, 4]])}, "tensors must be a C-contiguous int64 array"),
        ({"tensors": np.array([[0, 10, 0, 1, 0]])}, "null pointer (a meta or fake tensor?)"),
        ({"tensors": np.array([[8, -1, 0, 1, 0]])}, "tensors[0] numel must be in"),
        ({"tensors": np.array([[8, 1, -1, 1, 0]])}, "tensors[0] start must be in"),
        ({"tensors": np.array([[8, 1, 0, 1, 1]])}, "tensors[0] row must be in [0, 0], not 1"),
        ({"tensors": np.array([[8, 1, 0, 6, 0]])}, "histogram: unsupported dtype tag 6; supported"),
        ({**UNIFORM, "edges": None}, "edges must be given for a uniform grid"),
        ({**UNIFORM, "edges": np.zeros((1, 5))}, "strictly increasing"),
        ({**UNIFORM, "edges": np.array([[0, 1, np.nan, 3, 4.0]])}, "strictly increasing"),
        ({**UNIFORM, "edges": np.array([[-1.7e308, 0, 1, 2, 1.7e308]])}, "finite range"),
        ({**UNIFORM, "edges": np.zeros((2, 5))}, "edges must have 1 or 1 rows, not 2"),
        (
            {**UNIFORM, "edges": np.arange(5.0)[None], "offsets": np.zeros((1, 2, 4), np.int64)},
            "offsets must be None on a uniform grid",
        ),
        ({**LOG, "log": None}, "log must be (mantissa_bits, min_exponent, max_exponent)"),
        ({**LOG, "log": (1, 0, 2)}, "bins must be 9 for this log grid, not 4"),
        ({**LOG, "log": (1, 0, 0)}, "max_exponent must be in [1, 1024], not 0"),
        ({**LOG, "log": (20, 0, 1)}, "mantissa_bits must be in [0, 14], not 20"),
    ],
)
def test_value_errors(good, changed, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call(good, **changed)


@pytest.mark.parametrize("name", ["tensors", "split_counts", "split_outside", "nan", "exponents"])
def test_type_errors(good, name):
    with pytest.raises(TypeError, match=f"{name} must be a NumPy"):
        call(good, **{name: [1, 2, 3]})


def test_outputs_must_be_writable(good):
    frozen = np.zeros((1, 2, 4), np.int64)
    frozen.setflags(write=False)
    with pytest.raises(ValueError, match="split_counts must be writable"):
        call(good, split_counts=frozen)


def test_empty_tensors_may_have_a_null_pointer(good):
    call(good, tensors=np.array([[0, 0, 0, 1, 0]]))
    assert good["split_counts"].sum() == 0


def test_unknown_instruction_set():
    with pytest.raises(ValueError, match="'mmx' is not available here; choose one of: auto"):
        _core.set_isa("mmx")
    assert _core.isa() in _core.available_isas()
    assert _core.available_isas()[-1] == "scalar"


def test_measures_check_their_arrays():
    counts, outside = np.ones((2, 3), np.int64), np.zeros((2, 2), np.int64)
    with pytest.raises(ValueError, match="divergence kind must be one of alpha"):
        _core.divergence("euclid", 0.0, counts, outside, counts, outside, np.empty(2))
    with pytest.raises(ValueError, match=re.escape("q must be a C-contiguous int64 array")):
        _core.divergence("js", 0.0, counts, outside, counts[:, :2], outside, np.empty(2))
    with pytest.raises(ValueError, match="counts must be a C-contiguous"):
        _core.entropy("shannon", counts.astype(float), np.empty(2))
    with pytest.raises(ValueError, match="entropy kind must be one of complexity, shannon"):
        _core.entropy("renyi", counts, np.empty(2))


def test_build_info_names_the_build():
    info = _core.build_info()
    assert set(info) == {"compiler", "version", "cuda"}
    assert info["cuda"] == "built" or info["cuda"].startswith("not built: ")


@pytest.mark.skipif(not CPU_INFO.exists(), reason="needs Linux's list of processor features")
def test_instruction_sets_are_those_of_the_processor():
    flags = set(CPU_INFO.read_text().split())
    avx2 = flags >= {"avx2", "f16c"}
    avx512 = flags >= {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vbmi2"}
    expected = ["avx512"] * avx512 + ["avx2"] * avx2 + ["scalar"]
    assert _core.available_isas() == expected
