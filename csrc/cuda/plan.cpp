#include "cuda/plan.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "cuda/runtime.h"
#include "uniform_table.h"

namespace igfast {

DeviceBuffer::DeviceBuffer(std::size_t bytes)
    : memory_(bytes == 0 ? nullptr : device_allocate(bytes)) {}

DeviceBuffer::~DeviceBuffer() {
  if (memory_ != nullptr) {
    device_free(memory_);
  }
}

DeviceBuffer::DeviceBuffer(DeviceBuffer&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)) {}

DeviceBuffer& DeviceBuffer::operator=(DeviceBuffer&& other) noexcept {
  std::swap(memory_, other.memory_);
  return *this;
}

namespace {

template <class T>
DeviceBuffer upload(const std::vector<T>& host, void* stream) {
  DeviceBuffer buffer(host.size() * sizeof(T));
  if (!host.empty()) {
    copy_to_device(buffer.as<void>(), host.data(), host.size() * sizeof(T), stream);
  }
  return buffer;
}

Count* as_counts(std::int64_t* counts) { return reinterpret_cast<Count*>(counts); }

constexpr CounterKind kByPreference[] = {CounterKind::kInterleaved, CounterKind::kSingle,
                                         CounterKind::kDirect};

}  // namespace

std::uint64_t hash_tensors(const igf_tensor* tensors, std::int64_t count) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  const auto* words = reinterpret_cast<const std::int64_t*>(tensors);
  for (std::int64_t i = 0; i < count * 5; ++i) {
    hash = (hash ^ static_cast<std::uint64_t>(words[i])) * 0x100000001b3u;
    hash ^= hash >> 29;  // words differ in their high bits too
  }
  return hash;
}

Plan::Plan(const igf_plan_args& args)
    : device_(args.device),
      rows_(args.rows),
      counts_(args.grid.bins > 0),
      offsets_(args.offsets != 0),
      moments_(args.moments != 0),
      hash_(hash_tensors(args.tensors, args.tensor_count)) {
  const DeviceScope scope(device_);
  choose_kernel(args);
  const int most = blocks_ * device_limits().multiprocessors;
  const Layout layout = make_layout(args.tensors, args.tensor_count, args.rows, most);
  blocks_ = layout.blocks;
  segments_ = static_cast<int>(layout.segments.size());
  upload_layout(layout, args.stream);
  launch_.splits = static_cast<std::int32_t>(args.splits);
  if (counts_) {
    upload_grid(args.grid, args.stream);
  }
  synchronize(args.stream);  // the host tables go away
}

// The fastest counters that fit; blocks_ becomes the number that fit a multiprocessor.
void Plan::choose_kernel(const igf_plan_args& args) {
  const std::int64_t cells = args.grid.bins + kExtraCells;
  const std::size_t most = device_limits().shared_per_block;
  const auto wanted = static_cast<CounterKind>(args.counters);
  for (const CounterKind kind : kByPreference) {
    if (wanted != CounterKind::kAutomatic && wanted != kind) {
      continue;
    }
    kernel_ = counts_ ? &histogram_kernel_for(args.grid.kind, kind, offsets_, moments_)
                      : &moments_kernel();
    shared_ = static_cast<std::size_t>(kScratchBytes + 4 * kernel_->words(cells, args.splits));
    if (shared_ > most) {
      continue;
    }
    const auto* function = reinterpret_cast<const void*>(kernel_->function);
    allow_shared(function, most);  // not `shared_`: other plans run this kernel with more
    blocks_ = blocks_that_fit(function, CudaTuning::kThreads, shared_);
    const int enough =
        kind == CounterKind::kInterleaved && wanted == CounterKind::kAutomatic
            ? std::min({CudaTuning::kInterleavedBlocks,
                        moments_ ? CudaTuning::kMinBlocksWithMoments : CudaTuning::kMinBlocks,
                        // what registers leave room for: fewer on sm_120
                        blocks_that_fit(function, CudaTuning::kThreads, kScratchBytes)})
            : 1;
    if (blocks_ >= enough) {
      return;
    }
  }
  throw std::runtime_error("the counters asked for do not fit the device's shared memory");
}

void Plan::upload_layout(const Layout& layout, void* stream) {
  const auto keep = [&](DeviceBuffer buffer) {
    buffers_.push_back(std::move(buffer));
    return buffers_.back().as<void>();
  };
  launch_.segments = static_cast<Segment*>(keep(upload(layout.segments, stream)));
  launch_.block_first = static_cast<std::int32_t*>(keep(upload(layout.block_first, stream)));
  launch_.visits = static_cast<std::uint32_t*>(keep(upload(layout.visits, stream)));
  launch_.row_first = static_cast<std::int64_t*>(keep(upload(layout.row_first, stream)));
  launch_.chunk_elements = static_cast<std::int32_t>(layout.chunk_elements);
  const std::size_t arrivals = layout.visits.size() * sizeof(std::uint32_t);
  launch_.arrivals = static_cast<std::uint32_t*>(keep(DeviceBuffer(arrivals)));
  clear_device(launch_.arrivals, arrivals, stream);
  launch_.finishes = static_cast<std::uint32_t*>(
      keep(DeviceBuffer(layout.segments.size() * sizeof(std::uint32_t))));
  if (moments_) {
    // Null says that moments are not wanted: room for one where all tensors are empty.
    const auto chunks =
        static_cast<std::size_t>(std::max<std::int64_t>(1, layout.row_first.back()));
    launch_.chunk_moments =
        static_cast<DeviceMoments*>(keep(DeviceBuffer(chunks * sizeof(DeviceMoments))));
  }
}

template <class V>
DeviceBuffer Plan::upload_tables(const igf_grid& grid, void* stream, DeviceBuffer* thresholds) {
  const std::int64_t width = grid.bins + 3;
  std::vector<V> all;
  std::vector<UniformRule<V>> views;
  *thresholds = DeviceBuffer(static_cast<std::size_t>(grid.edge_rows * width) * sizeof(V));
  UniformTable<V> table;
  for (std::int64_t row = 0; row < grid.edge_rows; ++row) {
    table.build(grid.edges + row * (grid.bins + 1), grid.bins);
    const UniformRule<V>& rule = table.rule(Guesses::kClose);
    all.insert(all.end(), rule.thresholds - 1, rule.thresholds - 1 + width);
    views.push_back(rule);
    views.back().thresholds = thresholds->as<V>() + row * width + 1;
  }
  copy_to_device(thresholds->as<void>(), all.data(), all.size() * sizeof(V), stream);
  DeviceBuffer buffer = upload(views, stream);
  synchronize(stream);
  return buffer;
}

void Plan::upload_grid(const igf_grid& grid, void* stream) {
  DeviceGrid& target = launch_.grid;
  target.bins = static_cast<std::int32_t>(grid.bins);
  if (grid.kind == IGF_UNIFORM) {
    target.table_rows = static_cast<std::int32_t>(grid.edge_rows);
    if (grid.edge_rows == 0) {
      return;
    }
    DeviceBuffer narrow;
    DeviceBuffer wide;
    buffers_.push_back(upload_tables<float>(grid, stream, &narrow));
    target.float_tables = buffers_.back().as<UniformRule<float>>();
    buffers_.push_back(upload_tables<double>(grid, stream, &wide));
    target.double_tables = buffers_.back().as<UniformRule<double>>();
    buffers_.push_back(std::move(narrow));
    buffers_.push_back(std::move(wide));
  } else if (grid.kind == IGF_DYADIC) {
    buffers_.emplace_back(static_cast<std::size_t>(rows_) * 2 * sizeof(std::int64_t));
    target.exponents = buffers_.back().as<std::int64_t>();
    target.origins = target.exponents + rows_;
    if (grid.exponents != nullptr && grid.origins != nullptr) {
      move_bins(grid.exponents, grid.origins, stream);
    }
  } else {
    const std::int64_t half = (grid.max_exponent - grid.min_exponent) << grid.mantissa_bits;
    target.log = {static_cast<std::int32_t>(grid.mantissa_bits),
                  static_cast<std::int32_t>(grid.min_exponent), static_cast<std::int32_t>(half), 0,
                  target.bins};
  }
}

// Copies bins that have changed; `bins_` stays as it is until the next change, after the copy.
void Plan::move_bins(const std::int64_t* exponents, const std::int64_t* origins, void* stream) {
  std::vector<std::int64_t> now(exponents, exponents + rows_);
  now.insert(now.end(), origins, origins + rows_);
  if (now == bins_) {
    return;
  }
  bins_ = std::move(now);
  copy_to_device(const_cast<std::int64_t*>(launch_.grid.exponents), bins_.data(),
                 bins_.size() * sizeof(std::int64_t), stream);
}

// Outputs that lie one behind the other, as one allocation does, are cleared in one go.
void Plan::clear_outputs(const igf_run_args& args) const {
  const std::int64_t cells = rows_ * launch_.splits * launch_.grid.bins;
  const std::pair<std::int64_t*, std::int64_t> outputs[] = {
      {args.split_counts, cells},
      {offsets_ ? args.offsets : nullptr, cells},
      {args.split_outside, rows_ * launch_.splits * 2},
      {args.nan, rows_}};
  std::int64_t* first = nullptr;
  std::int64_t size = 0;
  for (const auto& [output, words] : outputs) {
    if (output == nullptr) {
      continue;
    }
    if (output != first + size) {
      clear_device(first, static_cast<std::size_t>(size) * sizeof(Count), args.stream);
      first = output;
      size = 0;
    }
    size += words;
  }
  clear_device(first, static_cast<std::size_t>(size) * sizeof(Count), args.stream);
}

void Plan::run(const igf_run_args& args) {
  if (args.tensors_hash != hash_) {
    throw std::invalid_argument(
        "the tensors have moved since the plan was made; make a new plan (outside graph capture)");
  }
  if (rows_ == 0) {
    return;
  }
  const DeviceScope scope(device_);
  // Runs share bins and scratch memory: each waits for the last one, in whatever stream it was. In
  // a graph it can't; whoever replays that orders it.
  const bool captured = is_capturing(args.stream);
  if (!captured) {
    mark_.hold_up(args.stream);
  }
  HistogramLaunch now = launch_;
  if (counts_) {
    if (args.exponents != nullptr && args.origins != nullptr && launch_.grid.exponents != nullptr) {
      move_bins(args.exponents, args.origins, args.stream);
    }
    if (launch_.grid.exponents != nullptr && bins_.empty()) {
      throw std::invalid_argument("the first run on a dyadic grid needs exponents and origins");
    }
    clear_outputs(args);
    now.out = {as_counts(args.split_counts), as_counts(args.split_outside), as_counts(args.nan),
               offsets_ ? as_counts(args.offsets) : nullptr};
    now.previous_counts = reinterpret_cast<const Count*>(args.previous_counts);
    now.previous_outside = reinterpret_cast<const Count*>(args.previous_outside);
    now.measures = args.measures;
  }
  now.moments = {args.moments.integers, args.moments.floats, args.extents.zeros,
                 args.extents.extremes};
  launch(kernel_->function, blocks_, CudaTuning::kThreads, shared_, args.stream, now);
  if (!captured) {
    mark_.set(args.stream);
  }
}

igf_plan_info Plan::info() const {
  return {kernel_->name, blocks_, segments_, static_cast<std::int64_t>(shared_), hash_};
}

}  // namespace igfast
