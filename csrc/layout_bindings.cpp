// Where a framework's tensors lie, read through the table of C functions that its tensor type
// offers (DLPack 1.x): some 20 ns a tensor, against 400 ns by the attributes in Python.
#include "layout_bindings.h"

#include <pybind11/numpy.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "dtype.h"

namespace py = pybind11;

namespace igfast {
namespace {

// The C interface of DLPack, as far as it is read here.
struct DlTensor {
  void* data;
  std::int32_t device_type;
  std::int32_t device_index;
  std::int32_t dimensions;
  std::uint8_t type_code;
  std::uint8_t type_bits;
  std::uint16_t type_lanes;
  const std::int64_t* shape;
  const std::int64_t* strides;  // may be null: contiguous
  std::uint64_t byte_offset;
};

struct DlExchangeTable {
  std::uint32_t major;
  std::uint32_t minor;
  const DlExchangeTable* older;  // null at the end of the chain
  void* allocate;
  void* managed_from_object;
  void* managed_to_object;
  int (*tensor_from_object)(void* object, DlTensor* found);  // borrows from the object; may be null
  void* current_stream;
};

constexpr std::int32_t kHost = 1;

struct DlDtype {
  std::uint8_t code;
  std::uint8_t bits;
  Dtype tag;
};

constexpr DlDtype kDlDtypes[] = {{2, 32, Dtype::kFloat32},      {4, 16, Dtype::kBFloat16},
                                 {2, 16, Dtype::kFloat16},      {2, 64, Dtype::kFloat64},
                                 {10, 8, Dtype::kFloat8E4M3FN}, {12, 8, Dtype::kFloat8E5M2}};

constexpr const char* kCapsule = "dlpack_exchange_api";
constexpr std::uint32_t kMajor = 1;

class LayoutReader {
 public:
  explicit LayoutReader(const py::capsule& capsule) : capsule_(capsule) {
    if (std::string(capsule.name() == nullptr ? "" : capsule.name()) != kCapsule) {
      throw py::value_error(std::string("the table must be a capsule named ") + kCapsule);
    }
    table_ = capsule.get_pointer<const DlExchangeTable>();
    while (table_ != nullptr && table_->major > kMajor) {
      table_ = table_->older;
    }
    if (table_ == nullptr || table_->major != kMajor || table_->tensor_from_object == nullptr) {
      throw py::value_error("the table has no function of DLPack 1 that reads a tensor");
    }
  }

  // Address, device, dtype, shape and strides of all values of a dict, one behind the other; None
  // where one is not exactly of one of the types, or cannot be read.
  py::object signature(const py::dict& tensors, const py::tuple& types) const {
    std::vector<Word> words;
    const bool readable = visit(tensors, types, [&](Word word) {
      words.push_back(word);
      return true;
    });
    if (!readable) {
      return py::none();
    }
    return py::bytes(reinterpret_cast<const char*>(words.data()), words.size() * sizeof(Word));
  }

  // The kernels' table of all values of a dict, (N, 5) int64 (see igf_tensor); None where one is
  // not exactly of one of the types, on the host, contiguous and of a dtype that kernels read.
  py::object table(const py::dict& tensors, const py::tuple& types) const {
    const auto count = static_cast<py::ssize_t>(tensors.size());
    py::array_t<Word> table({count, py::ssize_t{5}});
    Word* line = table.mutable_data();
    Word row = 0;
    for (const auto& [name, tensor] : tensors) {
      DlTensor found{};
      if (!has_type(tensor, types) || !read(tensor, found)) {
        return py::none();
      }
      const Word elements = contiguous_elements(found);
      const Word dtype = dtype_tag(found);
      const Word start = reinterpret_cast<Word>(found.data) + static_cast<Word>(found.byte_offset);
      if (found.device_type != kHost || elements < 0 || dtype < 0 || start == 0) {
        return py::none();
      }
      const Word values[] = {start, elements, 0, dtype, row++};
      line = std::copy(std::begin(values), std::end(values), line);
    }
    return std::move(table);
  }

  // Whether the tensors have this signature still.
  bool unchanged(const py::dict& tensors, const py::tuple& types, const py::bytes& before) const {
    char* bytes = nullptr;
    py::ssize_t size = 0;
    if (PyBytes_AsStringAndSize(before.ptr(), &bytes, &size) != 0) {
      throw py::error_already_set();
    }
    const char* const end = bytes + size;
    const bool same = visit(tensors, types, [&](Word word) {
      if (bytes == end || std::memcmp(bytes, &word, sizeof word) != 0) {
        return false;
      }
      bytes += sizeof word;
      return true;
    });
    return same && bytes == end;
  }

 private:
  using Word = std::int64_t;

  // Passes the words of all tensors on until `take` refuses one; false then, and where a tensor
  // cannot be read.
  template <class Take>
  bool visit(const py::dict& tensors, const py::tuple& types, Take take) const {
    for (const auto& [name, tensor] : tensors) {
      DlTensor found{};
      if (!has_type(tensor, types) || !read(tensor, found)) {
        return false;
      }
      const Word start = reinterpret_cast<Word>(found.data) + static_cast<Word>(found.byte_offset);
      const Word device = Word{found.device_type} << 32 | found.device_index;
      const Word type =
          Word{found.type_code} << 48 | Word{found.type_bits} << 32 | found.dimensions;
      if (!take(start) || !take(device) || !take(type)) {
        return false;
      }
      for (std::int32_t axis = 0; axis < found.dimensions; ++axis) {
        if (!take(found.shape[axis]) || (found.strides != nullptr && !take(found.strides[axis]))) {
          return false;
        }
      }
    }
    return true;
  }

  bool read(py::handle tensor, DlTensor& found) const {
    if (table_->tensor_from_object(tensor.ptr(), &found) != 0) {
      PyErr_Clear();
      return false;
    }
    return true;
  }

  // Negative where they do not lie one behind the other.
  static Word contiguous_elements(const DlTensor& tensor) {
    Word elements = 1;
    for (std::int32_t axis = tensor.dimensions - 1; axis >= 0; --axis) {
      const bool follows = tensor.strides == nullptr || tensor.strides[axis] == elements;
      if (!follows && tensor.shape[axis] != 1) {
        return -1;
      }
      elements *= tensor.shape[axis];
    }
    return elements;
  }

  static Word dtype_tag(const DlTensor& tensor) {
    if (tensor.type_lanes != 1) {
      return -1;
    }
    for (const DlDtype& dtype : kDlDtypes) {
      if (dtype.code == tensor.type_code && dtype.bits == tensor.type_bits) {
        return static_cast<Word>(dtype.tag);
      }
    }
    return -1;
  }

  static bool has_type(py::handle object, const py::tuple& types) {
    for (const py::handle type : types) {  // one or two: cheaper than a lookup
      if (type.ptr() == reinterpret_cast<PyObject*>(Py_TYPE(object.ptr()))) {
        return true;
      }
    }
    return false;
  }

  py::capsule capsule_;
  const DlExchangeTable* table_ = nullptr;
};

// Whether every slot, a (dict, key, value), still holds its value.
bool slots_hold(const py::list& slots) {
  for (const py::handle& slot : slots) {
    PyObject* const one = slot.ptr();
    if (PyTuple_Check(one) == 0 || PyTuple_GET_SIZE(one) != 3 ||
        PyDict_Check(PyTuple_GET_ITEM(one, 0)) == 0) {
      throw py::type_error("slots must be tuples of a dict, a key and a value");
    }
    PyObject* const found =
        PyDict_GetItemWithError(PyTuple_GET_ITEM(one, 0), PyTuple_GET_ITEM(one, 1));
    if (found != PyTuple_GET_ITEM(one, 2)) {
      PyErr_Clear();
      return false;
    }
  }
  return true;
}

}  // namespace

void bind_layouts(py::module_& module) {
  py::class_<LayoutReader>(module, "LayoutReader")
      .def(py::init<const py::capsule&>(), py::arg("table"))
      .def("signature", &LayoutReader::signature, py::arg("tensors"), py::arg("types"))
      .def("table", &LayoutReader::table, py::arg("tensors"), py::arg("types"))
      .def("unchanged", &LayoutReader::unchanged, py::arg("tensors"), py::arg("types"),
           py::arg("before"));
  module.def("slots_hold", &slots_hold, py::arg("slots"));
}

}  // namespace igfast
