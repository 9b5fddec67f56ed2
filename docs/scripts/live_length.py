"""How far the L that a terminal shows while training is from that of the report.

python docs/scripts/live_length.py FOLDER    with the runs of real_training.py in it
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from real_runs import RUNS, opened, scheduled

from igfast.sinks.curves import LiveCurves

for name in RUNS:
    run, live = scheduled(opened(Path(sys.argv[1]), name, "", merged=1), 1), LiveCurves()
    for step, record in zip(run.steps.tolist(), run.histograms(), strict=True):
        found = live.add(step, {"param": record})["param"].length
    for layer, shown in zip(run.layers, found, strict=True):
        length = np.asarray(run.length(layer))[-1]
        print(
            f"{name} {layer}: {shown:.3f} live, {length:.3f} afterwards: {shown / length - 1:+.1%}"
        )
