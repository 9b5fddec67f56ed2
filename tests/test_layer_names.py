"""What a layer is called: what can be no name, and names that are near."""

import numpy as np
import pytest

import igfast
from igfast import Grid, Trajectory

X = np.random.default_rng(0).normal(size=2000)


def record(layers):
    return igfast.histogram(layers, grid=Grid.dyadic(256, exponent=-4), splits=8, offsets=True)


@pytest.fixture(scope="module")
def drift():
    steps = np.arange(0, 101)
    return Trajectory.from_histograms(
        steps, [record({"w": X + t / 100, "still": X[:500]}) for t in steps]
    )


BY_LAYER = [
    *("velocity", "velocity_squared", "length", "noise_floor", "entropy", "differential_entropy"),
    *("complexity", "log_derivative", "transitions", "running", "length_scales", "sampling"),
    *("resolution", "common", "records"),
]
OF_ONE_LAYER = ("length_scales", "sampling", "resolution", "common", "records")


@pytest.mark.parametrize("layer", [0, 1.5, b"w", ("w",), ["w"], {"w"}, np.array(["w"]), True])
def test_what_can_be_no_layer_is_told_in_one_way(drift, layer):
    for name in BY_LAYER:
        with pytest.raises(TypeError, match=r"^layer must be a name, got .*; the layers are w, st"):
            getattr(drift, name)(layer)
    with pytest.raises(TypeError, match="layer must be a name"):
        drift.divergence("kl", layer)
    with pytest.raises(TypeError, match="layer must be a name"):
        drift.thinned_length(2, layer)


@pytest.mark.parametrize("name", OF_ONE_LAYER)
def test_measures_of_one_layer_want_its_name(drift, name):
    with pytest.raises(TypeError, match="layer must be a name, got None; the layers are w, still"):
        getattr(drift, name)(None)


@pytest.mark.parametrize("name", BY_LAYER)
def test_near_names_of_a_misspelled_layer(name):
    tensors = {f"layers.{i}.weight": X[:9] for i in range(12)} | {"head.bias": X[:9]}
    run = Trajectory.from_histograms([0, 1], [record(tensors)] * 2)
    with pytest.raises(KeyError, match=r"no layer 'haed.bias'; near names are head.bias\b"):
        getattr(run, name)("haed.bias")
    with pytest.raises(
        KeyError, match=r"the layers are layers.0.weight, .*layers.7.weight, \.\.\."
    ):
        getattr(run, name)("zz")


def test_near_names_are_also_those_of_groups():
    tensors = {f"encoder.{i}": X[:9] for i in range(12)}
    run = Trajectory.from_histograms([0, 1], [record(tensors)] * 2).grouped({"attention": "*.1"})
    with pytest.raises(KeyError, match="near names are attention"):
        run.length("atention")
    with pytest.raises(KeyError, match="near names are model"):
        run.entropy("modell")
