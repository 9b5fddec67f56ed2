"""The examples of docs/integrations.md, each in a folder of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import igfast

from .training import SIZE, adam, batches, network

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "integrations.md").read_text()
EXAMPLES = {
    title.lower(): code
    for title, code in re.findall(r"^## ([^\n]+)\n\n```python\n(.*?)```", PAGE, re.M | re.S)
}


def loop(model, optimizer):
    inputs, targets = batches()
    for x, y in zip(inputs, targets, strict=True):
        optimizer.zero_grad()
        (model(x) - y).square().mean().backward()
        optimizer.step()


def run(title, **names):
    exec(compile(EXAMPLES[title], f"{title}.py", "exec"), {"igfast": igfast, **names})


@pytest.fixture
def names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = network()
    optimizer = adam(model)
    return {"model": model, "optimizer": optimizer, "train": lambda: loop(model, optimizer)}


def test_tensorboard(names):
    pytest.importorskip("tensorboard")
    run("tensorboard", **names)
    assert len(list(Path("runs/first").iterdir())) == 1


def alone(title, folder, **environment):
    """In a process of its own: these libraries settle on their folder only once."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\nimport igfast\n"
    code += "from tests.integrations.test_page import adam, loop, network\n"
    code += "model = network(); optimizer = adam(model); train = lambda: loop(model, optimizer)\n"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", **environment}
    command = [sys.executable, "-c", code + EXAMPLES[title]]
    subprocess.run(command, check=True, cwd=folder, env=environment, timeout=120)


def test_wandb(tmp_path):
    pytest.importorskip("wandb")
    from tests.sinks.wandb_log import rows

    alone("weights & biases", tmp_path, WANDB_SILENT="true")
    assert [row["igfast/step"] for _, row in rows(tmp_path)] == [0, 10, 20]


def test_trackio(tmp_path):
    pytest.importorskip("trackio")
    alone("trackio", tmp_path, TRACKIO_DIR=str(tmp_path))
    assert (tmp_path / "first.db").exists()


def test_mlflow(names, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"file://{tmp_path}/mlruns")
    run("mlflow", **names)
    mlflow.set_tracking_uri(before)
    assert len(list(tmp_path.glob("mlruns/0/*/artifacts/report.html"))) == 1


def test_files(names):
    run("jsonl and parquet", **names)
    assert igfast.sinks.JSONL("run.jsonl", resume=True)
    assert len(list(Path("run.parquet").glob("*.parquet"))) == 1


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
@pytest.mark.filterwarnings("ignore:The 'train_dataloader' does not have many workers")
def test_lightning(names):
    pytest.importorskip("pytorch_lightning")
    from . import test_lightning

    quiet = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False}
    quiet |= {"enable_progress_bar": False, "enable_model_summary": False}
    module, data = test_lightning.Module(), test_lightning.data()
    Trainer = partial(test_lightning.pytorch_lightning.Trainer, **quiet)
    run("lightning", Trainer=Trainer, module=module, data=data)
    assert igfast.open("run.igf").steps.tolist() == [0, 10, 20]


def test_transformers(names):
    pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    from . import test_transformers

    arguments = test_transformers.transformers.TrainingArguments(
        "out", num_train_epochs=1, use_cpu=True, report_to=[], disable_tqdm=True
    )
    model, Trainer = test_transformers.Model(), test_transformers.Trainer
    run("transformers", model=model, Trainer=Trainer, arguments=arguments, dataset=[0] * 192)
    assert igfast.open("run.igf").steps.tolist() == [0, 10, 20]


def test_accelerate(names):
    accelerate = pytest.importorskip("accelerate")
    import torch

    inputs, targets = (one.flatten(0, 1) for one in batches())
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, targets), SIZE)
    run("accelerate", **names, data=data, Accelerator=accelerate.Accelerator)
    assert igfast.open("run.igf").steps.tolist() == [0, 10]


def test_every_example_is_run():
    titles = re.findall(r"^## ([^\n]+)\n\n```python\n", PAGE, re.M)
    tests = len(re.findall(r"^def test_", Path(__file__).read_text(), re.M)) - 1
    assert len(titles) == PAGE.count("```python") == tests == 8
