"""What the Monitor is told: names, quantities, sinks; and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import igfast
from igfast.sinks import Record, Sink
from igfast.store import RunReader, StoreError


@pytest.fixture
def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.LayerNorm(5), torch.nn.Linear(5, 2))


@pytest.fixture
def optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1)


def layers(model, **options):
    with igfast.Monitor(model, **options) as monitor:
        monitor.record(0)
    return monitor.last["param"].names


def test_include_and_exclude(model):
    assert layers(model, include="*.weight") == ("0.weight", "1.weight", "2.weight")
    assert layers(model, include=["0.*", "2.bias"]) == ("0.weight", "0.bias", "2.bias")
    assert layers(model, exclude="1.*") == ("0.weight", "0.bias", "2.weight", "2.bias")
    assert layers(model, include="*.weight", exclude=["0.*", "1.*"]) == ("2.weight",)


def test_patterns_that_match_nothing(model):
    with pytest.raises(ValueError, match=r"include='encoder\.\*' matches none of the 6 names: 0\."):
        igfast.Monitor(model, include=["*.bias", "encoder.*"])
    with pytest.raises(ValueError, match="exclude='nope' matches none"):
        igfast.Monitor(model, exclude="nope")
    with pytest.raises(ValueError, match=r"leave none of the names: 0\.weight"):
        igfast.Monitor(model, include="0.*", exclude=["0.weight", "0.bias"])
    with pytest.raises(TypeError, match=r"include must hold patterns .strings., got 3"):
        igfast.Monitor(model, include=[3])


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # torch's own, on import
def test_compiled_models_keep_their_names(model):
    assert layers(torch.compile(model)) == layers(model)


def test_tied_arrays_in_a_mapping():
    weight = np.ones(4)
    assert layers({"a": weight, "b": weight, "c": np.ones(4)}) == ("a", "c")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"every": 0}, ValueError, "every must be at least 1, got 0"),
        ({"every": 2.5}, TypeError, "every must be a positive integer or a function"),
        ({"quantities": "param"}, TypeError, r"sequence of names, got 'param'; use \('param',\)"),
        (
            {"quantities": ("hessian",)},
            ValueError,
            "update, second_moment, got 'hessian'",
        ),
        ({"quantities": ()}, ValueError, "at least one of param, grad, update, second_moment"),
        ({"bins": 0}, ValueError, "bins must be from 1 to 65,536, got 0"),
        ({"splits": 3}, ValueError, "splits must be 1, 2, 4 or 8, got 3"),
        ({"grid": 7}, TypeError, "grid must be an igfast.Grid, got 7"),
        (
            {"grid": igfast.Grid.uniform(8, low=0, high=1)},
            ValueError,
            r"offsets=True needs a dyadic or log grid: .*, or pass offsets=False",
        ),
        ({"store": 5}, TypeError, "store must be a path, got 5"),
        ({"histograms": 8}, ValueError, 'histograms must be "all" or at least 16.*got 8'),
        ({"sinks": [print]}, TypeError, "a sink needs write, flush and close"),
        ({"sinks": None}, TypeError, "sinks must be a sequence of them, got None"),
        ({"quantities": None}, TypeError, "quantities must be a sequence of names, got None"),
        ({"quantities": [["param"]]}, ValueError, r"second_moment, got \['param'\]"),
        ({"step": 1.5}, TypeError, "step must be an integer, got 1.5"),
        ({"include": 3}, TypeError, "include must be a pattern or a sequence of patterns, got 3"),
    ],
)
def test_arguments_are_refused_at_construction(model, optimizer, options, error, message):
    with pytest.raises(error, match=message):
        igfast.Monitor(model, optimizer, **options)


class Around(torch.optim.Optimizer):
    """As torch's PostLocalSGDOptimizer, and others that look ahead, it is not initialized."""

    def __init__(self, optimizer):
        self.optim, self.param_groups = optimizer, optimizer.param_groups


def test_models_and_optimizers_that_cannot_work(model, optimizer, tmp_path):
    with pytest.raises(TypeError, match=r"model must be a torch module or a mapping.*got list"):
        igfast.Monitor([1, 2])
    with pytest.raises(TypeError, match="model must be an object, got the class Linear"):
        igfast.Monitor(torch.nn.Linear)
    with pytest.raises(TypeError, match="optimizer must be an object, got the class SGD"):
        igfast.Monitor(model, torch.optim.SGD)
    with pytest.raises(TypeError, match=r"optimizer is a Around without step hooks.*record\(step"):
        igfast.Monitor(model, Around(optimizer))
    with pytest.raises(ValueError, match="no parameters to measure"):
        igfast.Monitor(torch.nn.ReLU())
    with pytest.raises(ValueError, match=r"optimizer=\[\] holds none; pass one, or None and call"):
        igfast.Monitor(model, [])
    with pytest.raises(TypeError, match=r"optimizer must be a torch\.optim\.Optimizer.*got str"):
        igfast.Monitor(model, ["adam"])
    with pytest.raises(ValueError, match=r"'weight' is a meta or fake tensor.*materialize"):
        igfast.Monitor(torch.nn.Linear(3, 3, device="meta"))
    with pytest.raises(TypeError, match=r"'w' has dtype int64.*exclude= leaves tensors out"):
        igfast.Monitor({"w": np.arange(3)}, store=tmp_path / "run.igf")
    with pytest.raises(ValueError, match=r'"grad" needs torch parameters, but .w. has no \.grad'):
        igfast.Monitor({"w": np.ones(3)}, quantities=("grad",))
    with pytest.raises(ValueError, match='"update" needs an optimizer, got optimizer=None'):
        igfast.Monitor(model, quantities=("update",))
    with pytest.raises(ValueError, match='"update" needs parameters that the optimizer changes'):
        igfast.Monitor(torch.nn.Linear(2, 2), optimizer, quantities=("update",))
    assert list(tmp_path.iterdir()) == []


def test_names_that_files_cannot_keep(tmp_path):
    tensors = {"w": np.ones(3), "bad\udc80": np.ones(3)}
    with pytest.raises(ValueError, match=r"layer 'bad\\udc80' has a name that UTF-8 cannot encode"):
        igfast.Monitor(tensors, store=tmp_path / "run.igf")
    monitor = igfast.Monitor(tensors, exclude="bad*")
    with pytest.raises(ValueError, match=r"log: 'x\\udc80' is a name that UTF-8 cannot encode"):
        monitor.log(0, **{"x\udc80": 1.0})


@pytest.mark.parametrize("value", ["3.5", b"3.5", bytearray(b"3.5"), np.ones(2), None])
def test_what_is_not_one_number_is_not_logged(value):
    with pytest.raises(TypeError, match=r"log: loss=.* is not one number"):
        igfast.Monitor({"w": np.ones(3)}).log(0, loss=value)


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_that_could_not_begin_leaves_no_file(tmp_path, monkeypatch, resume):
    path, tensors = tmp_path / "run.igf", {"w": np.ones(3)}

    def refuse(*_):
        raise StoreError("no room")

    if resume:
        with igfast.Monitor(tensors, store=path):
            pass
    with monkeypatch.context() as patched:
        patched.setattr("igfast.store.RunWriter.define_layers", refuse)
        with pytest.raises(StoreError, match="no room"):
            igfast.Monitor(tensors, store=path, resume=resume, step=0)
    assert [file.name for file in tmp_path.iterdir()] == ["run.igf"] * resume
    with igfast.Monitor(tensors, store=path, resume=resume, step=0) as monitor:
        monitor.record(1)


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("health/flags", "flags of health"),
        ("health/nan/param/0.weight", "flags of health"),
        ("igfast/step", "steps in W&B"),
        ("param_l2/0.weight", "records, which the sinks get"),
        ("param_noise_floor/model", "records, which the sinks get"),
        ("param_histogram/0", "records, which the sinks get"),
    ],
)
def test_names_of_the_monitors_own_are_not_logged(model, name, whose, tmp_path):
    with igfast.Monitor(model, groups=1, store=tmp_path / "run.igf") as monitor:
        with pytest.raises(ValueError, match=rf"{name}' is a name of .* {whose}, .*'my_{name}'"):
            monitor.log(0, loss=1.0, **{name: 2.0})
        monitor.log(0, **{"health": 1.0, "health/nan": 2.0, "param_l2/all": 3.0, "grad_l2/0": 4.0})
    logged = igfast.open(tmp_path / "run.igf").scalars()
    assert sorted(logged) == ["grad_l2/0", "health", "health/nan", "param_l2/all"]


@pytest.mark.parametrize("several", [False, True])
def test_an_optimizer_of_another_model_is_warned_about(model, optimizer, several):
    """As one that was made before the parameters were replaced."""
    other = torch.nn.Linear(2, 2)
    optimizers = [torch.optim.Adam(other.parameters()), optimizer] if several else optimizer
    with pytest.warns(UserWarning, match="holds none of the model's . parameters.*Make it") as said:
        igfast.Monitor(model if several else other, optimizers)
    assert said[0].filename == __file__


def test_optimizers_that_need_not_hold_what_is_measured(model, optimizer):
    """A part of the model, one that is left out, and an average that is frozen."""
    igfast.Monitor(model, torch.optim.SGD(model[0].parameters(), lr=0.1), include="2.*")
    igfast.Monitor(torch.nn.Linear(2, 2).requires_grad_(False), optimizer)
    igfast.Monitor({"w": np.ones(3)}, optimizer)


def test_steps_that_are_text(model, optimizer):
    with igfast.Monitor(model, optimizer) as monitor:
        with pytest.raises(TypeError, match="step must be an integer, got '0'"):
            monitor.record("0")
        monitor.record(np.int64(0))


@pytest.mark.parametrize(
    ("depth", "name", "message"),
    [
        (1, 300, r"store='.*' has a name of 300 bytes, of which 247 fit .* choose a shorter one"),
        (1, 248, "has a name of 248 bytes"),
        (4, 200, r"has a path of \d+ bytes, of which 504 fit"),
    ],
)
def test_stores_whose_path_is_too_long(tmp_path, depth, name, message):
    folder = tmp_path.joinpath(*["d" * 100] * depth)
    folder.mkdir(parents=True)
    with pytest.raises(ValueError, match=message):
        igfast.Monitor({"w": np.ones(3)}, store=folder / ("n" * name))
    assert list(folder.iterdir()) == []


class Keeper:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[tuple[int, Record]] = []
        self.calls: list[str] = []

    def write(self, step: int, record: Record) -> None:
        self.records.append((step, record))

    def flush(self) -> None:
        self.calls.append("flush")

    def close(self) -> None:
        self.calls.append("close")


def take_steps(model, optimizer, steps):
    for _ in range(steps):
        model(torch.ones(2, 4)).sum().backward()
        optimizer.step()


def test_sinks_receive_every_record(model, optimizer):
    sink = Keeper()
    assert isinstance(sink, Sink)
    with igfast.Monitor(
        model, optimizer, every=2, quantities=("param", "grad"), sinks=[sink]
    ) as monitor:
        take_steps(model, optimizer, 4)
        monitor.flush()
        assert sink.calls == ["flush"]
    assert sink.calls == ["flush", "flush", "close"]
    assert [step for step, _ in sink.records] == [0, 2, 4]
    assert set(sink.records[0][1].histograms) == {"param"}
    record = sink.records[-1][1]
    assert record.step == 4
    assert record.histograms["param"] is monitor.last["param"]
    assert record.moments["grad"].count.tolist() == [20, 5, 5, 5, 10, 2]


def test_uniform_and_log_grids(model, optimizer, tmp_path):
    for name, grid in {
        "uniform": igfast.Grid.uniform(50, low=-1, high=1.5),
        "log": igfast.Grid.log(2, -10, 2),
    }.items():
        offsets = name == "log"
        with igfast.Monitor(
            model, optimizer, grid=grid, offsets=offsets, splits=1, store=tmp_path / name
        ):
            pass
        with RunReader(tmp_path / name) as run:
            found = run.histogram("param", 0)
        wanted = igfast.histogram(dict(model.named_parameters()), grid=grid).to_numpy()
        assert found.grid == grid
        np.testing.assert_array_equal(found.counts, wanted.counts)
        np.testing.assert_array_equal(found.edges, wanted.edges)


def test_lazy_modules_are_named():
    model = torch.nn.Sequential(torch.nn.LazyLinear(5))
    with pytest.raises(ValueError, match=r"'0.weight' belongs to a lazy module .* first forward"):
        igfast.Monitor(model)
    model(torch.ones(2, 3))
    with igfast.Monitor(model) as monitor:
        monitor.record(0)
    assert monitor.last["param"].numel.tolist() == [15, 5]


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors is in prototype stage")
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
def test_nested_tensors_are_named(layout, tmp_path):
    nested = torch.nested.nested_tensor([torch.randn(2), torch.randn(3)], layout=layout)
    with pytest.raises(TypeError, match="'n' is a nested tensor; pass its values"):
        igfast.Monitor({"n": nested}, store=tmp_path / "run.igf")


def test_intervals_of_numpy_are_described_as_numbers(tmp_path):
    with igfast.Monitor(
        {"a": np.ones(3)}, every=np.int64(7), store=tmp_path / "run.igf"
    ) as monitor:
        monitor.record(0)
    assert igfast.open(tmp_path / "run.igf").config["monitor"]["every"] == 7


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        (3, TypeError, "config must be a mapping"),
        ({"monitor": "val_loss"}, ValueError, "would take the place of the Monitor's own settings"),
        ({"monitor": None}, ValueError, "rename the key"),
        ({"versions": 3}, TypeError, "must be a mapping of names to versions"),
    ],
)
def test_configurations_that_would_hide_the_monitors(model, tmp_path, config, error, message):
    with pytest.raises(error, match=message):
        igfast.Monitor(model, store=tmp_path / "run.igf", config=config)
    assert not (tmp_path / "run.igf").exists()


def test_versions_are_added_to_and_other_keys_may_be_anything(model, tmp_path):
    config = {"versions": {"data": "7"}, "model": "x", "settings": 4, "data": [1]}
    with igfast.Monitor(model, store=tmp_path / "run.igf", config=config, groups=1) as monitor:
        monitor.record(0)
    run = igfast.open(tmp_path / "run.igf")
    assert run.config["versions"]["data"] == "7"
    assert run.config["versions"]["igfast"] == igfast.__version__
    assert run.config["settings"] == 4
    assert set(run.groups) == {"0", "1", "2"}


def test_files_whose_configuration_hides_the_monitors_open(tmp_path):
    """As were written before such keys were refused."""
    with igfast.Monitor({"w": np.arange(9.0)}, store=tmp_path / "run.igf") as monitor:
        monitor.record(0)
    reader = RunReader(tmp_path / "run.igf")
    for hidden in ("val_loss", None, [1], {"groups": "x"}):
        reader.config["monitor"] = hidden
        assert igfast.Trajectory(reader).groups == {}
