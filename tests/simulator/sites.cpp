// Places in the source where threads meet, listed and disabled by tests.
#include <cstdio>
#include <iterator>

#include "machine.h"

namespace simulator {
namespace {

std::list<Site>& sites() {
  static std::list<Site> all;
  return all;
}

}  // namespace

std::string place(const Site& site) {
  const std::string file = site.file;
  return std::string(site.kind) + " at " + file.substr(file.rfind('/') + 1) + ":" +
         std::to_string(site.line);
}

Site& site_at(const char* file, int line, const char* kind) {
  for (Site& site : sites()) {
    if (site.line == line && std::strcmp(site.file, file) == 0 &&
        std::strcmp(site.kind, kind) == 0) {
      return site;
    }
  }
  sites().push_back({file, line, kind, false});
  return sites().back();
}

}  // namespace simulator

extern "C" {

int igf_simulator_site_count(void) { return static_cast<int>(simulator::sites().size()); }

void igf_simulator_describe_site(int index, char* text, int size) {
  const auto site = std::next(simulator::sites().begin(), index);
  std::snprintf(text, static_cast<std::size_t>(size), "%s", simulator::place(*site).c_str());
}

void igf_simulator_disable_site(int index, int disabled) {
  std::next(simulator::sites().begin(), index)->disabled = disabled != 0;
}
}
