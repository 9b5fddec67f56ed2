#include "record/coding.h"

#include <algorithm>
#include <cstddef>
#include <memory>

#include "record/bits.h"

namespace igfast::record {
namespace {

// Arithmetic modulo 2^64: no count or offset, however wrong, is undefined behavior.
using Word = std::uint64_t;

Word zigzag(Word value) { return (value << 1) ^ (Word{0} - (value >> 63)); }
Word unzigzag(Word value) { return (value >> 1) ^ (Word{0} - (value & 1)); }

// What an integer is expected to be near; each has means of its own.
enum Kind { kAcross, kAlong, kOffset, kKinds };

constexpr int kContexts = 65;           // bit lengths of the reference
constexpr int kMeanShift = 4;           // a mean follows the last 2^4 integers of its context
constexpr int kMostOnes = 24;           // of a quotient in unary
constexpr int kMostLow = 31;            // with the quotient, no more than 56 bits
constexpr int kLengthBits = 6;          // of what is longer
constexpr std::size_t kMostBytes = 24;  // of an integer, and the run before it

// Running means of integers by context, each 2^kMeanShift times what it says: encoder and decoder
// keep the same ones.
class Means {
 public:
  explicit Means(bool differenced) {
    for (int context = 0; context < kContexts; ++context) {
      // The root of a count of so many bits, in eighths.
      const Word root = (context % 2 == 0 ? Word{7} : Word{10}) << std::min(context / 2, 28);
      const Word count = Word{12} << std::min(context, 50);  // in sixteenths
      of(kAcross, context) = differenced ? 5 * root : count;
      of(kAlong, context) = differenced ? 4 * root : count / 2;
      of(kOffset, context) = 236 * root;
    }
  }

  Word& of(Kind kind, int context) { return means_[kind][context]; }

 private:
  Word means_[kKinds][kContexts];
};

// Low bits of a Rice code that suit a mean: for noise, which is normal, as many as half of it has.
int low_bits(Word mean) { return bit_length(mean >> (kMeanShift + 1)); }

void follow(Word* mean, Word value) { *mean += value - (*mean >> kMeanShift); }

// Rice's code: the quotient by 2^low in unary, then the rest; what would be too long as it is.
void put(BitWriter* to, Word value, int low) {
  if (low <= kMostLow && value >> low < kMostOnes) {
    const int ones = static_cast<int>(value >> low);
    const Word rest = value & ((Word{1} << low) - 1);
    to->put(((Word{1} << ones) - 1) | rest << (ones + 1), ones + 1 + low);
    return;
  }
  const int length = std::max(bit_length(value), 1);
  to->put((Word{1} << kMostOnes) - 1, kMostOnes);
  to->put(static_cast<Word>(length - 1), kLengthBits);
  to->put(value & 0xffffffff, std::min(length, 32));
  to->put(value >> 32, std::max(length - 32, 0));
}

Word get(BitReader* from, int low) {
  const int ones = __builtin_ctzll(~from->peek() | Word{1} << kMostOnes);
  if (ones < kMostOnes) {
    from->skip(ones + 1);
    return static_cast<Word>(ones) << (low & 63) | from->take(std::min(low, kMostLow));
  }
  from->skip(kMostOnes);
  const int length = static_cast<int>(from->take(kLengthBits)) + 1;
  const Word lower = from->take(std::min(length, 32));
  return from->take(std::max(length - 32, 0)) << 32 | lower;
}

// By constants: a division by a variable takes longer than all else that is done with an integer.
Word divide(Word sum, std::int64_t splits) {
  switch (splits) {
    case 1: return sum;
    case 2: return sum / 2;
    case 3: return sum / 3;
    default: return sum / static_cast<Word>(splits);
  }
}

// Where nothing is expected, context 0, nothing mostly is: there, the runs of zeros between other
// integers are coded, in a stream of their own.
class Encoder {
 public:
  // Of one layer, into room for `kMostBytes` of each integer and 16 more, twice.
  Encoder(bool differenced, std::uint8_t* room, std::size_t size)
      : means_(differenced), runs_(room), values_(room + size) {}

  Word code(Kind kind, int context, Word value) {
    if (context > 0) {
      put_value(&values_, kind, context, value);
    } else if (value == 0) {
      ++run_;
    } else {
      end_run();
      put_value(&runs_, kind, 0, value - 1);
    }
    return value;
  }

  void append_to(std::vector<std::uint8_t>* bytes) {
    end_run();
    const std::size_t size = runs_.finish();
    for (std::size_t left = size;; left >>= 7) {  // seven bits to a byte, the last one below 128
      bytes->push_back(static_cast<std::uint8_t>((left & 127) | (left > 127 ? 128 : 0)));
      if (left <= 127) {
        break;
      }
    }
    bytes->insert(bytes->end(), runs_.bytes(), runs_.bytes() + size);
    bytes->insert(bytes->end(), values_.bytes(), values_.bytes() + values_.finish());
  }

 private:
  void put_value(BitWriter* to, Kind kind, int context, Word value) {
    Word& mean = means_.of(kind, context);
    put(to, value, low_bits(mean));
    follow(&mean, value);
  }

  void end_run() {
    put_run(&runs_, run_);
    run_ = 0;
  }

  Means means_;
  BitWriter runs_, values_;
  Word run_ = 0;
};

class Decoder {
 public:
  Decoder(BitReader runs, BitReader values, bool differenced)
      : means_(differenced), runs_(runs), values_(values), run_(get_run(&runs_)) {}

  Word code(Kind kind, int context, Word) {
    if (context > 0) {
      return get_value(&values_, kind, context);
    }
    if (run_ > 0) {
      --run_;
      return 0;
    }
    const Word value = get_value(&runs_, kind, 0) + 1;
    run_ = get_run(&runs_);
    return value;
  }

  bool ended() const { return run_ == 0 && runs_.ended() && values_.ended(); }

 private:
  Word get_value(BitReader* from, Kind kind, int context) {
    Word& mean = means_.of(kind, context);
    const Word value = get(from, low_bits(mean));
    follow(&mean, value);
    return value;
  }

  Means means_;
  BitReader runs_, values_;
  Word run_;
};

// Room for one layer: under- and overflow are its outermost cells.
class Layer {
 public:
  Layer(std::int64_t splits, std::int64_t bins)
      : splits_(splits),
        bins_(bins),
        width_(bins + 2),
        full_(static_cast<std::size_t>(splits * width_)),
        before_(static_cast<std::size_t>(width_)) {}

  // False where counts are not what was counted.
  bool join(const Cells& cells, std::int64_t layer, Word* inside) {
    const std::int64_t* counts = cells.counts + layer * splits_ * bins_;
    const std::int64_t* outside = cells.outside + layer * splits_ * 2;
    std::int64_t signs = cells.nan[layer];
    Word around = static_cast<Word>(cells.nan[layer]);
    for (std::int64_t split = 0; split < splits_; ++split) {
      Word* to = row(split);
      for (std::int64_t bin = 0; bin < bins_; ++bin) {
        const std::int64_t count = counts[split * bins_ + bin];
        signs |= count;
        *inside += static_cast<Word>(count);
        to[bin + 1] = static_cast<Word>(count);
      }
      for (const std::int64_t side : {0, 1}) {
        const std::int64_t beyond = outside[2 * split + side];
        signs |= beyond;
        around += static_cast<Word>(beyond);
        to[side * (width_ - 1)] = static_cast<Word>(beyond);
      }
    }
    return signs >= 0 && *inside + around == static_cast<Word>(cells.numel[layer]);
  }

  void part(std::int64_t* counts, std::int64_t* outside) {
    for (std::int64_t split = 0; split < splits_; ++split) {
      const Word* from = row(split);
      for (std::int64_t bin = 0; bin < bins_; ++bin) {
        counts[split * bins_ + bin] = static_cast<std::int64_t>(from[bin + 1]);
      }
      outside[2 * split] = static_cast<std::int64_t>(from[0]);
      outside[2 * split + 1] = static_cast<std::int64_t>(from[width_ - 1]);
    }
  }

  // The first split is near its left neighbor, the others near the mean of those before.
  template <class Coder>
  void code_counts(Coder* given, bool differenced) {
    Coder local = *given;  // see BitWriter
    Coder* const coder = &local;
    Word left = 0;
    for (std::int64_t cell = 0; cell < width_; ++cell) {
      Word& count = full_[static_cast<std::size_t>(cell)];
      count = code_near(coder, kAcross, bit_length(left), count, left, differenced);
      before_[static_cast<std::size_t>(cell)] = left = count;
    }
    for (std::int64_t split = 1; split < splits_; ++split) {
      Word* counts = row(split);
      for (std::int64_t cell = 0; cell < width_; ++cell) {
        Word& sum = before_[static_cast<std::size_t>(cell)];
        const Word mean = divide(sum, split);
        counts[cell] = code_near(coder, kAlong, bit_length(sum), counts[cell], mean, differenced);
        sum += counts[cell];
      }
    }
    *given = local;
  }

  // Of bins with elements, near half of what is possible; false where one is impossible.
  template <class Coder>
  bool code_offsets(Coder* given, std::int64_t* offsets) {
    Coder local = *given;
    Coder* const coder = &local;
    bool possible = true;
    for (std::int64_t split = 0; split < splits_; ++split) {
      const Word* counts = row(split) + 1;
      std::int64_t* of = offsets + split * bins_;
      for (std::int64_t bin = 0; bin < bins_; ++bin) {
        const Word count = counts[bin];
        if (count != 0) {
          const Word half = 127 * count + (count >> 1);
          of[bin] = static_cast<std::int64_t>(
              code_near(coder, kOffset, bit_length(count), static_cast<Word>(of[bin]), half, true));
        }
        possible &= static_cast<Word>(of[bin]) <= 255 * count;  // negative ones are above all
      }
    }
    *given = local;
    return possible;
  }

 private:
  Word* row(std::int64_t split) { return full_.data() + split * width_; }

  template <class Coder>
  static Word code_near(Coder* coder, Kind kind, int context, Word value, Word near,
                        bool differenced) {
    if (!differenced) {
      return coder->code(kind, context, value);
    }
    return unzigzag(coder->code(kind, context, zigzag(value - near))) + near;
  }

  std::int64_t splits_, bins_, width_;
  std::vector<Word> full_, before_;
};

}  // namespace

Found pack(const Cells& cells, std::int64_t difference_from, std::int64_t* sizes,
           std::int64_t* differenced, std::vector<std::uint8_t>* bytes) {
  Layer room(cells.splits, cells.bins);
  std::vector<std::int64_t> offsets(
      static_cast<std::size_t>(cells.offsets == nullptr ? 0 : cells.splits * cells.bins));
  const std::size_t size =
      kMostBytes * (static_cast<std::size_t>(cells.splits * (cells.bins + 2)) + offsets.size()) +
      16;
  const std::unique_ptr<std::uint8_t[]> bits(new std::uint8_t[2 * size]);  // most is never touched
  for (std::int64_t layer = 0; layer < cells.layers; ++layer) {
    const std::size_t start = bytes->size();
    Word inside = 0;
    if (!room.join(cells, layer, &inside)) {
      return Found::kCountsDoNotAddUp;
    }
    differenced[layer] =
        static_cast<std::int64_t>(inside) > difference_from * cells.splits * cells.bins ? 1 : 0;
    Encoder encoder(differenced[layer] != 0, bits.get(), size);
    room.code_counts(&encoder, differenced[layer] != 0);
    if (cells.offsets != nullptr) {
      std::copy_n(cells.offsets + layer * static_cast<std::int64_t>(offsets.size()), offsets.size(),
                  offsets.data());
      if (!room.code_offsets(&encoder, offsets.data())) {
        return Found::kImpossibleOffset;
      }
    }
    encoder.append_to(bytes);
    sizes[layer] = static_cast<std::int64_t>(bytes->size() - start);
  }
  return Found::kSound;
}

bool unpack(const std::uint8_t* bytes, std::int64_t size, bool differenced, std::int64_t splits,
            std::int64_t bins, std::int64_t* counts, std::int64_t* outside, std::int64_t* offsets) {
  const std::uint8_t* const end = bytes + size;
  std::uint64_t runs = 0;
  int shift = 0;
  bool more = true;
  while (more && bytes < end && shift < 56) {
    more = (*bytes & 128) != 0;
    runs |= static_cast<std::uint64_t>(*bytes++ & 127) << shift;
    shift += 7;
  }
  if (more || runs > static_cast<std::uint64_t>(end - bytes)) {
    return false;
  }
  const std::uint8_t* const values = bytes + runs;
  Decoder decoder(BitReader(bytes, static_cast<std::size_t>(runs)),
                  BitReader(values, static_cast<std::size_t>(end - values)), differenced);
  Layer room(splits, bins);
  room.code_counts(&decoder, differenced);
  room.part(counts, outside);
  if (offsets != nullptr) {
    std::fill_n(offsets, splits * bins, 0);
    if (!room.code_offsets(&decoder, offsets)) {
      return false;
    }
  }
  return decoder.ended();
}

}  // namespace igfast::record
