"""The adapters of docs/distributed.md, run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

from igfast.monitor import Part

PAGE = Path(__file__).parents[3] / "docs" / "distributed.md"
ADAPTERS = {"Part": Part}
for _code in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S):
    exec(compile(_code, str(PAGE), "exec"), ADAPTERS)
