"""Turns the suite's JSON into benchmarks/results/suite.json and the tables of docs/performance.md.

Usage: python -m benchmarks.tables [FILES of --benchmark-json]

Without files, the tables are made from the committed results. Text between
`<!-- table: NAME -->` and `<!-- end -->` is replaced.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs/performance.md"


def condensed(raw: dict) -> dict:
    """What the tables need of pytest-benchmark's output."""
    cases = []
    for case in raw["benchmarks"]:
        extra = case["extra_info"]
        cases.append(
            {
                "name": re.sub(r"\[.*", "", case["name"]),
                "parameters": case["params"] or {},
                "Gelem/s": round(extra["Gelem/s"], 5),
                "GB/s": round(extra["GB/s"], 3) if "GB/s" in extra else None,
                "ratios": {name: round(ratio, 3) for name, ratio in extra["ratios"].items()},
            }
        )
    return {"machine": raw["machine_info"], "cases": cases}


def markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


class Tables:
    def __init__(self, suite: dict, targets: dict) -> None:
        self.suite, self.record = suite["cases"], targets
        self.machine = suite["machine"]

    def named(self, name: str) -> list[dict]:
        return [case for case in self.suite if case["name"] == name]

    def targets(self) -> str:
        rows = []
        for row in (row for group in self.record["groups"].values() for row in group):
            sign = "≥" if row["higher"] else "≤"
            aim = "" if row["aim"] is None else f"{sign} {row['aim']:g}"
            measured = f"**{row['measured']:.2f}** {row['verdict']}"
            rows.append([row["target"], f"{sign} {row['must']:g}", aim, measured, row["note"]])
        return markdown(["", "must", "aim", "measured", ""], rows)

    def peers(self) -> str:
        sizes = sorted({c["parameters"]["size"] for c in self.named("test_peers")})
        names = dict.fromkeys(c["parameters"]["peer"] for c in self.named("test_peers"))
        rows = []
        for peer in names:
            found = {
                c["parameters"]["size"]: c["ratios"][peer]
                for c in self.named("test_peers")
                if c["parameters"]["peer"] == peer
            }
            label = "reading (`torch.sum`)" if peer == "read" else peer
            rows.append([label, *(f"{found[s]:.2f}" if s in found else "" for s in sizes)])
        speeds = {c["parameters"]["size"]: c["Gelem/s"] for c in self.named("test_peers")}
        rows.insert(0, ["igfast, Gelem/s", *(f"{speeds[s]:.3f}" for s in sizes)])
        return markdown(["time of the peer / igfast", *(f"{s:,}" for s in sizes)], rows)

    def grid_by(self, name: str, column: str, row: str) -> str:
        cases = self.named(name)
        columns = list(dict.fromkeys(c["parameters"][column] for c in cases))
        rows = []
        for label in dict.fromkeys(c["parameters"][row] for c in cases):
            found = {c["parameters"][column]: c for c in cases if c["parameters"][row] == label}
            rows.append([str(label), *(f"{found[c]['Gelem/s']:.2f}" for c in columns)])
        return markdown([f"Gelem/s, by {row}", *map(str, columns)], rows)

    def dtypes(self) -> str:
        return self.grid_by("test_dtypes", "grid", "dtype")

    def distributions(self) -> str:
        return self.grid_by("test_distributions", "grid", "values")

    def extras(self) -> str:
        return self.grid_by("test_splits_offsets_moments", "grid", "extra")

    def bins(self) -> str:
        rows = [
            [f"{c['parameters']['bins']:,}", f"{c['Gelem/s']:.2f}"] for c in self.named("test_bins")
        ]
        return markdown(["bins, uniform", "Gelem/s"], rows)

    def threads(self) -> str:
        rows = [
            [
                str(c["parameters"]["threads"]),
                f"{c['Gelem/s']:.2f}",
                f"{c['ratios']['1 thread']:.2f}",
                f"{1 / c['ratios']['read']:.1f}",
            ]
            for c in self.named("test_threads")
        ]
        head = ["threads", "Gelem/s", "against one", "time / that of `torch.sum`"]
        return markdown(head, rows)

    def models(self) -> str:
        rows = []
        for name in ("test_against_loops", "test_against_loggers", "test_ragged_against_flat"):
            for c in self.named(name):
                for peer, ratio in c["ratios"].items():
                    what = "record, automatic grid" if "loggers" in name else "counts"
                    rows.append(
                        [
                            c["parameters"]["model"],
                            what,
                            f"{c['Gelem/s']:.2f}",
                            peer,
                            f"{ratio:.2f}",
                        ]
                    )
        return markdown(["model", "one call of", "Gelem/s", "peer", "peer / igfast"], rows)

    def plans(self) -> str:
        rows = []
        for name in ("test_automatic_grid", "test_one_call", "test_output_reuse"):
            for c in self.named(name):
                ((peer, ratio),) = c["ratios"].items()
                which = ", ".join(
                    f"{v:,}" if isinstance(v, int) else v for v in c["parameters"].values()
                )
                label = name.removeprefix("test_").replace("_", " ")
                rows.append([label, which, f"{c['Gelem/s']:.3f}", peer, f"{ratio:.2f}"])
        return markdown(["", "elements or model", "Gelem/s", "beside", "beside / this"], rows)

    def moments(self) -> str:
        rows = [
            [
                c["parameters"]["dtype"],
                f"{c['parameters']['size']:,}",
                f"{c['Gelem/s']:.3f}",
                f"{c['ratios']['torch']:.1f}",
            ]
            for c in self.named("test_moments")
        ]
        return markdown(["moments", "elements", "Gelem/s", "torch / igfast"], rows)

    @staticmethod
    def milliseconds(case: dict) -> str:
        """Of 1,000 layers of 256 bins."""
        return f"{1_000 * 256 / case['Gelem/s'] / 1e6:.2f}"

    def measures(self) -> str:
        rows = []
        for c in self.named("test_between") + self.named("test_of_one"):
            rows.append([f"`{c['parameters']['measure']}`", self.milliseconds(c)])
        for c in self.named("test_of_histograms"):
            rows.append([f"histograms: {c['parameters']['operation']}", self.milliseconds(c)])
        return markdown(["1,000 layers of 256 bins", "ms"], rows)

    def kernels(self) -> str:
        """In the cache, by instruction set."""
        record = json.loads((RESULTS / "kernels.json").read_text())["Gelem/s"]
        names = list(next(iter(record.values()))["float32"])
        rows = [
            [isa, dtype, *(f"{speeds[name]:.2f}" for name in names)]
            for isa, dtypes in record.items()
            for dtype, speeds in dtypes.items()
        ]
        return markdown(["Gelem/s", "", *names], rows)

    def instructions(self) -> str:
        record = json.loads((RESULTS / "instructions.json").read_text())
        names = list(record["float32"])
        rows = [[dtype, *(f"{found[n]:.1f}" for n in names)] for dtype, found in record.items()]
        return markdown(["instructions per element", *names], rows)

    def increments(self) -> str:
        record = json.loads((RESULTS / "increments.json").read_text())
        clock = record.pop("GHz")
        rows = [[name, f"{speed:.2f}", f"{clock / speed:.2f}"] for name, speed in record.items()]
        return markdown(["counters, indices ready", "Gelem/s", "cycles"], rows)

    def machine_line(self) -> str:
        m = self.machine
        return (
            f"{m['cpu']}, {m['cores']} cores, {m['isa']}, {m['compiler']}, Python {m['python']}, "
            f"torch {self.record['torch']}."
        )


def main() -> None:
    if len(sys.argv) > 1:
        parts = [condensed(json.loads(Path(name).read_text())) for name in sys.argv[1:]]
        cases = [case for part in parts for case in part["cases"]]
        lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
        head = json.dumps(parts[0]["machine"], ensure_ascii=False)
        (RESULTS / "suite.json").write_text(f'{{"machine": {head},\n"cases": [\n{lines}\n]}}\n')
    suite = json.loads((RESULTS / "suite.json").read_text())
    tables = Tables(suite, json.loads((RESULTS / "targets.json").read_text()))
    page = PAGE.read_text()
    for name in re.findall(r"<!-- table: (\w+) -->", page):
        text = getattr(tables, name)()
        page = re.sub(
            rf"(<!-- table: {name} -->\n).*?(<!-- end -->)",
            lambda found, text=text: f"{found[1]}{text}\n{found[2]}",
            page,
            flags=re.DOTALL,
        )
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
