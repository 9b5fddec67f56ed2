// The Python side of measures: divergences and entropies of counts.
#include "measures_bindings.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <map>
#include <string>

#include "array_checks.h"
#include "backend.h"
#include "device_bindings.h"

namespace py = pybind11;

namespace igfast {
namespace {

const std::map<std::string, igf_divergence_kind> kDivergences = {
    {"hellinger_squared", IGF_HELLINGER_SQUARED},
    {"kl", IGF_KL},
    {"js", IGF_JS},
    {"fisher_rao", IGF_FISHER_RAO},
    {"chi2", IGF_CHI2},
    {"alpha", IGF_ALPHA},
    {"js_weighted", IGF_JS_WEIGHTED},
    {"squared_euclidean", IGF_SQUARED_EUCLIDEAN},
    {"itakura_saito", IGF_ITAKURA_SAITO}};
const std::map<std::string, igf_entropy_kind> kEntropies = {{"shannon", IGF_SHANNON},
                                                            {"complexity", IGF_COMPLEXITY}};

template <class Kind>
Kind require_kind(const char* operation, const std::string& name,
                  const std::map<std::string, Kind>& kinds) {
  const auto found = kinds.find(name);
  if (found == kinds.end()) {
    std::string known;
    for (const auto& entry : kinds) {
      known += (known.empty() ? "" : ", ") + entry.first;
    }
    throw py::value_error(std::string(operation) + " kind must be one of " + known + ", not '" +
                          name + "'");
  }
  return found->second;
}

void divergence(const std::string& kind, double parameter, const py::object& p,
                const py::object& p_outside, const py::object& q, const py::object& q_outside,
                const py::object& out) {
  igf_divergence_args args{};
  args.kind = require_kind("divergence", kind, kDivergences);
  args.parameter = parameter;
  args.rows = leading_size("out", out);
  args.bins = py::isinstance<py::array>(p) && py::reinterpret_borrow<py::array>(p).ndim() == 2
                  ? py::reinterpret_borrow<py::array>(p).shape(1)
                  : 0;
  args.p = require<std::int64_t>("p", p, {args.rows, args.bins}).data();
  args.p_outside = require<std::int64_t>("p_outside", p_outside, {args.rows, 2}).data();
  args.q = require<std::int64_t>("q", q, {args.rows, args.bins}).data();
  args.q_outside = require<std::int64_t>("q_outside", q_outside, {args.rows, 2}).data();
  args.out = require_output<double>("out", out, {args.rows});
  py::gil_scoped_release release;
  operations().divergence(&args);
}

void entropy(const std::string& kind, const py::object& counts, const py::object& out) {
  igf_entropy_args args{};
  args.kind = require_kind("entropy", kind, kEntropies);
  args.rows = leading_size("out", out);
  args.bins =
      py::isinstance<py::array>(counts) && py::reinterpret_borrow<py::array>(counts).ndim() == 2
          ? py::reinterpret_borrow<py::array>(counts).shape(1)
          : 0;
  args.counts = require<std::int64_t>("counts", counts, {args.rows, args.bins}).data();
  args.out = require_output<double>("out", out, {args.rows});
  py::gil_scoped_release release;
  operations().entropy(&args);
}

template <class Kind>
std::map<std::string, int> tags(const std::map<std::string, Kind>& kinds) {
  std::map<std::string, int> found;
  for (const auto& [name, kind] : kinds) {
    found[name] = static_cast<int>(kind);
  }
  return found;
}

}  // namespace

void bind_measures(py::module_& module) {
  using py::arg;
  module.attr("DIVERGENCES") = tags(kDivergences);
  module.attr("ENTROPIES") = tags(kEntropies);
  module.def("divergence", &divergence, arg("kind"), arg("parameter"), arg("p"), arg("p_outside"),
             arg("q"), arg("q_outside"), arg("out"));
  module.def("entropy", &entropy, arg("kind"), arg("counts"), arg("out"));
}

}  // namespace igfast
