"""The README's picture: ``python docs/scripts/pictures.py mnist.igf``, of real_training.py."""

import sys
from pathlib import Path

import igfast
from igfast.report.figures import length

TARGET = Path(__file__).parents[1] / "images" / "mnist.png"

if __name__ == "__main__":
    figure = length(igfast.open(sys.argv[1]))
    figure.savefig(TARGET, dpi=120, bbox_inches="tight", facecolor="white")
    print(TARGET)
