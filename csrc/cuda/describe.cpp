// Whether there is a device, for the table: a file of its own, which tests link without kernels.
#include <cstdio>
#include <exception>
#include <string>

#include "cuda/operations.h"
#include "cuda/runtime.h"

namespace igfast {

int describe_device(char* text, std::int64_t size) {
  std::string reason;
  std::string found;
  try {
    reason = why_no_device();
    if (reason.empty()) {
      found = describe_devices();
    }
  } catch (const std::exception& failure) {
    reason = failure.what();
  }
  const std::string& said = reason.empty() ? found : reason;
  std::snprintf(text, static_cast<std::size_t>(size), "%s", said.c_str());
  return reason.empty() ? 0 : 1;
}

}  // namespace igfast
