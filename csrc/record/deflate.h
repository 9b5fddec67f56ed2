// Bytes in zlib's format, by runs of equal ones: what byte planes hold is zeros and noise.
#ifndef IGFAST_RECORD_DEFLATE_H
#define IGFAST_RECORD_DEFLATE_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace igfast::record {

// Appends a stream of one block in deflate's fixed code, which repeats a byte where it is repeated.
void deflate(const std::uint8_t* bytes, std::size_t size, std::vector<std::uint8_t>* to);

}  // namespace igfast::record

#endif
