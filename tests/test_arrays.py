"""Arrays in and out: frameworks, layouts, dtypes, and what is refused."""

import ml_dtypes
import numpy as np
import pytest
import torch

import igfast
from igfast import _arrays, _core, _devices

FLOAT_DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
]
GRID = igfast.Grid.uniform(bins=4, low=-1, high=1)


def counts(tensors, **options):
    return igfast.histogram(tensors, grid=GRID, **options).counts


@pytest.mark.parametrize("dtype", FLOAT_DTYPES, ids=str)
def test_torch_dtypes(dtype):
    x = torch.tensor([-0.75, -0.25, 0.25, 0.5, 0.75]).to(dtype)
    found = counts(x)
    assert isinstance(found, torch.Tensor)
    assert found.dtype == torch.int64
    assert found.tolist() == [[1, 1, 1, 2]]


@pytest.mark.parametrize(
    "dtype",
    [
        np.float64,
        np.float32,
        np.float16,
        ml_dtypes.bfloat16,
        ml_dtypes.float8_e4m3fn,
        ml_dtypes.float8_e5m2,
    ],
)
def test_numpy_dtypes(dtype):
    found = counts(np.array([-0.75, -0.25, 0.25, 0.5, 0.75]).astype(dtype))
    assert isinstance(found, np.ndarray)
    assert found.tolist() == [[1, 1, 1, 2]]


def test_one_sequence_or_mapping():
    a, b = np.array([0.1]), np.array([-0.1, -0.9])
    assert igfast.histogram(a, grid=GRID).names == ("0",)
    assert igfast.histogram([a, b], grid=GRID).names == ("0", "1")
    h = igfast.histogram({"first": a, "second": b}, grid=GRID)
    assert h.names == ("first", "second")
    assert h.counts.tolist() == [[0, 0, 1, 0], [1, 1, 0, 0]]
    assert h.numel.tolist() == [1, 2]


def test_model_parameters_and_tied_weights():
    model = torch.nn.Linear(3, 2)
    h = igfast.histogram(dict(model.named_parameters()), grid=GRID)
    assert h.names == ("weight", "bias")
    assert h.numel.tolist() == [6, 2]
    tied = {"a": model.weight, "b": model.weight}
    assert (counts(tied)[0] == counts(tied)[1]).all()


def test_empty_scalar_and_no_tensors():
    h = igfast.histogram({"empty": np.empty((0, 3)), "zero_d": np.array(0.6)}, grid=GRID)
    assert h.counts.tolist() == [[0, 0, 0, 0], [0, 0, 0, 1]]
    assert igfast.histogram({}, grid=GRID).counts.shape == (0, 4)
    assert igfast.histogram([torch.empty(0), torch.tensor(0.6)], grid=GRID).counts.tolist() == [
        [0, 0, 0, 0],
        [0, 0, 0, 1],
    ]


@pytest.mark.parametrize("splits", [1, 4])
@pytest.mark.parametrize("framework", ["numpy", "torch"])
def test_layouts_follow_the_logical_index(splits, framework):
    base = np.random.default_rng(0).uniform(-1, 1, size=(6, 8, 1000)).astype(np.float32)
    views = {
        "transposed": lambda x: x.T if framework == "numpy" else x.permute(2, 1, 0),
        "strided": lambda x: x[::2, :, 1::3],
        "expanded": lambda x: (
            np.broadcast_to(x[:1], x.shape) if framework == "numpy" else x[:1].expand(6, 8, 1000)
        ),
        "column": lambda x: x[:, 3, 5],
    }
    if framework == "numpy":
        views["reversed"] = lambda x: x[::-1]
    whole = base if framework == "numpy" else torch.from_numpy(base)
    for name, view in views.items():
        x = view(whole)
        flat = np.array(np.asarray(x).ravel())
        expected = igfast.histogram(flat, grid=GRID, splits=splits)
        found = igfast.histogram(x, grid=GRID, splits=splits).to_numpy()
        np.testing.assert_array_equal(found.split_counts, expected.split_counts, err_msg=name)


def test_a_transposed_weight_is_read_in_place():
    weight = torch.randn(64, 32).t()
    plan = igfast.Plan(weight, grid=GRID)
    weight.zero_()
    assert plan().counts.tolist() == [[0, 0, 2048, 0]]
    assert not plan._batch.copied


def test_a_copied_view_is_read_again_at_each_call():
    base = np.zeros(100)
    plan = igfast.Plan(base[::2], grid=GRID)
    assert plan().counts.tolist() == [[0, 0, 50, 0]]
    base[:] = -0.9
    assert plan().counts.tolist() == [[50, 0, 0, 0]]


def test_foreign_byte_order():
    x = np.array([-0.75, 0.25], dtype=">f4")
    assert counts(x).tolist() == [[1, 0, 1, 0]]


def test_gradients_and_negation_views():
    x = torch.tensor([0.25, 0.75], requires_grad=True)
    assert counts(x).tolist() == [[0, 0, 1, 1]]
    conjugate = torch.tensor([1 + 0.25j, 1 + 0.75j]).conj().imag  # a lazy negation
    assert conjugate.is_neg()
    assert counts(conjugate).tolist() == [[1, 1, 0, 0]]


class OnlyDlpack:
    """A framework igfast never heard of."""

    def __init__(self, array, device=(1, 0)):
        self.array = array
        self.device = device

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device


def test_dlpack_on_the_cpu():
    assert counts(OnlyDlpack(np.array([0.25, 0.75]))).tolist() == [[0, 0, 1, 1]]


class OnCuda:
    """Enough of a CUDA array to be recognized as one."""

    __cuda_array_interface__ = {  # noqa: RUF012
        "shape": (2,),
        "typestr": "<f4",
        "data": (4096, False),
        "version": 3,
    }


@pytest.mark.parametrize(
    "array", [OnCuda(), OnlyDlpack(np.zeros(2), device=(2, 0))], ids=["interface", "dlpack"]
)
def test_cuda_arrays_reach_a_clear_error(array):
    with pytest.raises(RuntimeError, match=r"tensor 'w' is on .*CUDA library .*\.cpu\(\)"):
        counts({"w": array})


BAD = [
    (3.0, TypeError, "tensors must be an array, a sequence"),
    ("weights", TypeError, "got str"),
    ([1.0, 2.0], TypeError, "tensor '0' is a float.*numpy.asarray"),
    ({1: np.zeros(2), "1": np.zeros(2)}, ValueError, "keys that are equal as text"),
    ({"w": None}, TypeError, "tensor 'w' is a NoneType"),
    (
        np.arange(3),
        TypeError,
        "dtype int64; allowed are float64, float32, float16, bfloat16, float8_e4m3fn, float8_e5m2",
    ),
    (np.array([True]), TypeError, "dtype bool"),
    (np.zeros(2, complex), TypeError, "dtype complex128.*real and imaginary"),
    (np.zeros(2, np.longdouble), TypeError, "dtype .*allowed are"),
    (np.array(["a"]), TypeError, "dtype str"),
    (np.ma.masked_array([1.0, 2.0], [True, False]), TypeError, r"compressed\(\)"),
    (torch.arange(3), TypeError, "dtype int64"),
    (torch.zeros(2, dtype=torch.complex64), TypeError, "dtype complex64"),
    (torch.zeros(2, device="meta"), ValueError, "meta or fake tensor"),
    (torch.eye(2).to_sparse(), TypeError, r"layout torch.sparse_coo; pass tensor.to_dense\(\)"),
    ([np.zeros(2), torch.zeros(2)], ValueError, "'0' is a numpy array, '1' is a torch array"),
    (OnlyDlpack(np.zeros(2), device=(10, 1)), ValueError, r"DLPack device \(10, 1\)"),
]


@pytest.mark.parametrize(("tensors", "error", "message"), BAD, ids=[m for _, _, m in BAD])
@pytest.mark.filterwarnings("ignore:Sparse")
def test_bad_tensors(tensors, error, message):
    for call in (counts, igfast.moments):
        with pytest.raises(error, match=message):
            call(tensors)


def test_fake_tensors_are_refused():
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        fake = torch.zeros(3)
    with pytest.raises(ValueError, match="meta or fake tensor"):
        counts(fake)


@pytest.mark.parametrize("transform", [torch.vmap, torch.func.grad])
def test_tensors_within_a_transform_are_refused(transform):
    def loss(x):
        counts(x)
        return x.sum()

    with pytest.raises(ValueError, match=r"tensor '0' has no memory .* count outside of it"):
        transform(loss)(torch.ones(3))


def test_starts_shift_the_splits():
    x = np.random.default_rng(1).uniform(-1, 1, 5000)
    whole = igfast.histogram(x, grid=GRID, splits=4)
    shards = [igfast.histogram(p, grid=GRID, splits=4, starts=[s]) for p, s in _shards(x)]
    np.testing.assert_array_equal((shards[0] + shards[1]).split_counts, whole.split_counts)


def _shards(x):
    return [(x[:1237], 0), (x[1237:], 1237)]


@pytest.mark.parametrize("starts", [[1, 2], [-1], [0.5], 3, [2**63 + 5], [[1], [2, 3]]])
def test_bad_starts(starts):
    with pytest.raises(ValueError, match=r"starts must be 1 integers from 0 to 2\^56"):
        counts(np.zeros(3), starts=starts)


CHANGES = {
    "values": lambda w: w.add_(1),
    "storage": lambda w: setattr(w, "data", w.data.clone()),
    "order of axes": lambda w: w.t_(),
    "shape": lambda w: w.resize_(2, 12),
    "strides": lambda w: w.as_strided_((4, 6), (1, 4)),
    "dtype": lambda w: setattr(w, "data", w.data.view(torch.int32)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("reads", ["DLPack's table", "attributes"])
def test_what_a_layout_depends_on_is_seen(monkeypatch, reads, change):
    """All but values; with and without the table that recent versions of torch offer."""
    if reads == "attributes":
        monkeypatch.setattr(_devices, "layout_reader", lambda kind: None)
    elif not hasattr(torch.Tensor, "__dlpack_c_exchange_api__"):
        pytest.skip("needs a torch with DLPack's table")
    tensors = {"w": torch.zeros(4, 6), "b": torch.nn.Parameter(torch.zeros(3))}
    signature = _arrays.Signature(tensors)
    assert signature.is_read == (reads != "attributes")
    assert signature.holds(tensors)
    assert not signature.holds({"w": tensors["w"]})
    assert not signature.holds({**tensors, "x": torch.zeros(1)})
    storage = tensors["w"].untyped_storage()  # kept: a new one cannot come to lie there
    CHANGES[change](tensors["w"])
    assert signature.holds(tensors) == (change == "values")
    del storage


def test_layouts_are_read_of_plain_tensors_alone():
    class Other(torch.Tensor):
        pass

    reader = _devices.layout_reader(torch.Tensor)
    if reader is None:
        pytest.skip("needs a torch with DLPack's table")
    plain = _devices.plain_torch_types()
    assert reader.signature({"w": torch.zeros(2).as_subclass(Other)}, plain) is None
    assert reader.signature({"w": np.zeros(2)}, plain) is None
    assert reader.signature({}, plain) == b""
    assert not reader.unchanged({"w": np.zeros(2)}, plain, b"")
    assert not reader.unchanged({"w": torch.zeros(2)}, plain, b"")
    sparse = {"w": torch.eye(3).to_sparse()}
    assert reader.signature(sparse, plain) is None  # the reader's error is swallowed
    for table in (0, torch.zeros(1).__dlpack__()):
        with pytest.raises((TypeError, ValueError)):
            _core.LayoutReader(table)


ODD = {
    "float64": lambda: torch.rand(3, 4, dtype=torch.float64),
    "float16": lambda: torch.rand(3).half(),
    "bfloat16": lambda: torch.rand(3).bfloat16(),
    "float8_e4m3fn": lambda: torch.rand(3).to(torch.float8_e4m3fn),
    "float8_e5m2": lambda: torch.rand(3).to(torch.float8_e5m2),
    "a parameter": lambda: torch.nn.Parameter(torch.rand(2, 3)),
    "no dimension": lambda: torch.tensor(0.5),
    "a slice": lambda: torch.rand(9)[3:7],
    "strides of one element": lambda: torch.rand(2, 3).as_strided((1, 2, 1), (9, 1, 5)),
    "transposed": lambda: torch.rand(3, 4).t(),
    "expanded": lambda: torch.rand(1).expand(3),
    "empty": lambda: torch.rand(0, 3),
    "negative view": lambda: torch._neg_view(torch.rand(3)),
}


@pytest.mark.parametrize("kind", ODD)
def test_the_kernels_table_is_the_same_by_both_readers(monkeypatch, kind):
    tensors = {"w": torch.zeros(4, 6), "odd": ODD[kind]()}
    through_table = _arrays.batch(tensors, "test")
    monkeypatch.setattr(_devices, "layout_reader", lambda tensor_type: None)
    by_attributes = _arrays.batch(tensors, "test")
    assert through_table.dtypes == by_attributes.dtypes
    assert through_table.copied == by_attributes.copied
    same = slice(1 if through_table.copied else 0, None)  # each has its own copy
    np.testing.assert_array_equal(through_table.table[:, same], by_attributes.table[:, same])


@pytest.mark.parametrize(
    "kind", ["float8_e4m3fnuz", "int32", "complex64", "bool", "sparse", "meta", "freed", "wrapped"]
)
def test_tensors_without_a_table_are_refused_as_ever(kind):
    x = torch.rand(4)
    if kind == "sparse":
        x = x.to_sparse()
    elif kind == "meta":
        x = x.to("meta")
    elif kind == "freed":
        x.untyped_storage().resize_(0)
    elif kind == "wrapped":  # of the plain type, but without memory
        with pytest.raises(ValueError, match="no memory of its own"):
            torch.func.vmap(lambda row: igfast.histogram(row, bins=4))(x.reshape(2, 2))
        return
    else:
        x = x.to(getattr(torch, kind))
    with pytest.raises((TypeError, ValueError), match="tensor 'w'"):
        igfast.histogram({"w": x}, bins=4)
