"""The installed core without any extra: run by ``make smoke`` where only NumPy is installed."""

import importlib.util
import sys
from pathlib import Path

import numpy as np

import igfast

EXTRAS = ("torch", "cupy", "scipy", "matplotlib", "typer", "rich", "pyarrow")

assert not any(importlib.util.find_spec(name) for name in EXTRAS), "an extra is installed here"
info = Path("/proc/cpuinfo")
flags = info.read_text().split() if info.exists() else []
for isa, needs in {"avx2": {"avx2", "f16c"}, "avx512": {"avx512vl", "avx512_vbmi2"}}.items():
    assert (isa in igfast._core.available_isas()) == needs.issubset(flags), f"{isa} is not found"
rng = np.random.default_rng(0)
before = {"w": rng.normal(size=10_000).astype(np.float32)}
after = {"w": before["w"] + np.float32(0.5)}
grid = igfast.Grid.dyadic(256, exponent=-4)
h0, m0 = igfast.histogram(before, grid=grid, splits=4, offsets=True, moments=True)
h1 = igfast.histogram(after, grid=grid, splits=4, offsets=True)
assert h0.counts.sum() + h0.underflow[0] + h0.overflow[0] == m0.count[0] == 10_000
velocity = igfast.information_velocity(h0, h1)[0]
assert 0.4 < velocity < 0.6, velocity
run = igfast.Trajectory.from_histograms([0, 1], [h0, h1])
assert 0.4 < run.length(layer="w")[-1] < 0.6
print(f"igfast {igfast.__version__} on Python {sys.version.split()[0]}, NumPy {np.__version__}: ok")
for name, value in igfast.show_config().items():
    print(f"  {name}: {value}")
