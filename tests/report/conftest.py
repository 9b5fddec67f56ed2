"""One run that moves by a known length, and its report."""

import pytest

from .runs import ODD, Page, X, store_run


@pytest.fixture(scope="module")
def drift(tmp_path_factory):
    """X moved by one standard deviation in 100 steps (true length 1), and a bias of ten."""
    path = tmp_path_factory.mktemp("drift") / "drift.igf"
    return store_run(
        path,
        ["param"],
        range(0, 101, 2),
        lambda t: {"net.weight": X + t / 100, "net.bias": X[0, :10] - t / 300},
        config={"settings": {"dataset": "mnist", "model": "mlp"}, "note": ODD},
        scalars={"test_loss": lambda t: (t - 60) ** 2 + 1.0, "test_accuracy": lambda t: t / 200},
    )


@pytest.fixture(scope="module")
def drift_report(drift, tmp_path_factory):
    return drift.report(tmp_path_factory.mktemp("out") / "nested" / "report.html")


@pytest.fixture(scope="module")
def drift_page(drift_report):
    return Page(drift_report.read_text(encoding="utf-8"))
