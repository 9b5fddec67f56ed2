"""One rank of a group that runs cases one after the other; each leaves a file with its outcome.

Usage, from the directory of the tests: python -m monitor.distributed.process MODULE RANK SIZE DIR
"""

from __future__ import annotations

import datetime
import importlib
import sys
import time
import traceback
import warnings
from pathlib import Path

import torch
import torch.distributed as dist

import igfast

SECONDS = 20  # a collective that some rank does not enter


def main(module: str, rank: int, size: int, directory: Path) -> None:
    warnings.simplefilter("error")
    for known in ("torch", "importlib", "deepspeed", "megatron", "transformers", "accelerate"):
        warnings.filterwarnings("default", module=rf"{known}(\..*)?")
    torch.set_num_threads(1)
    igfast.set_num_threads(1)
    cases = importlib.import_module(f"{__package__}.{module}").CASES
    dist.init_process_group(
        "gloo",
        init_method=f"file://{directory}/rendezvous",
        rank=rank,
        world_size=size,
        timeout=datetime.timedelta(seconds=SECONDS),
    )
    for case in cases:
        room = directory / case.__name__
        room.mkdir(exist_ok=True)
        torch.manual_seed(0)
        begun = time.perf_counter()
        try:
            case(rank, room)
            dist.barrier()
        except BaseException:
            (room / f"{rank}.outcome").write_text(traceback.format_exc())
            break  # the ranks are out of step
        (room / f"{rank}.outcome").write_text("")
        if rank == 0:
            print(f"{case.__name__}: {time.perf_counter() - begun:.2f} s", flush=True)
    else:
        dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
