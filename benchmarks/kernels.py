"""Speed of the kernels by instruction set on data in the second-level cache: results/kernels.json.

Usage: python -m benchmarks.kernels
"""

from __future__ import annotations

import json
from pathlib import Path

import igfast
from igfast import _core

from . import cases
from .timing import machine, side_by_side

RESULTS = Path(__file__).parent / "results/kernels.json"
VALUES = 1 << 18
GRIDS = {
    "uniform": {"range": cases.RANGE, "bins": 256},
    "dyadic": {"grid": igfast.Grid.dyadic(256, exponent=-7, origin=-128)},
    "log": {"grid": igfast.Grid.log()},
    "dyadic, offsets": {
        "grid": igfast.Grid.dyadic(256, exponent=-7, origin=-128),
        "offsets": True,
        "splits": 4,
    },
    "dyadic, offsets, moments": {
        "grid": igfast.Grid.dyadic(256, exponent=-7, origin=-128),
        "offsets": True,
        "splits": 4,
        "moments": True,
    },
}


def main() -> None:
    igfast.set_num_threads(1)
    record: dict[str, dict[str, dict[str, float]]] = {}
    for isa in _core.available_isas():
        _core.set_isa(isa)
        record[isa] = {}
        for dtype in ("float32", "bfloat16", "float16"):
            values = cases.tensor(VALUES, dtype=dtype)
            plans = {name: igfast.Plan(values, **options) for name, options in GRIDS.items()}
            for plan in plans.values():
                found = plan()
                h = found[0] if isinstance(found, tuple) else found
                assert int(h.counts.sum() + h.underflow + h.overflow) == VALUES
            times = side_by_side(plans, rounds=9, least=0.003)
            record[isa][dtype] = {
                name: round(VALUES / times.median(name) / 1e9, 2) for name in plans
            }
            print(isa, dtype, record[isa][dtype], f"{times.disturbed:.0%} disturbed")
    _core.set_isa("auto")
    RESULTS.write_text(json.dumps({"machine": machine(), "Gelem/s": record}, indent=1) + "\n")


if __name__ == "__main__":
    main()
