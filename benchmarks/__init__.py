"""Benchmarks: what is measured, against what, and how. `make bench` runs most of them.

OpenMP's threads wait passively: by default those of torch spin for milliseconds after each
operation, on cores that whatever is measured next needs.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is loaded
