// What an iteration of k-means remembers of rows so that the next one need not look at every centre again.
#pragma once
#include <cstdint>
#include <vector>

namespace rxhpc {

class Centres;

/// Of each row of a chunk: the centre nearest to it, an upper bound of its distance from that one and a lower bound of its distance from all others
/// (G. Hamerly, "Making k-means even faster", SDM 2010). Bounds are floats, rounded outwards; 12 bytes a row.
struct RowBounds {
  bool filled = false;               ///< by a whole pass
  std::vector<std::int32_t> label;
  std::vector<float> upper, lower;   ///< infinity, 0 where nothing is known
  std::int64_t saved = 0;            ///< rows that kept their centre without a look at the others, since `begin`
  void begin(std::int64_t rows);     ///< before a pass over so many rows
};

/// How far centres went from one iteration to the next; rounded up.
class CentreMoves {
 public:
  CentreMoves(const Centres& from, const Centres& to);
  float own(int k) const { return moved_[static_cast<std::size_t>(k)]; }
  float others(int k) const { return k == farthest_ ? second_ : first_; }  ///< the largest of all but k

 private:
  std::vector<float> moved_;
  int farthest_ = 0;
  float first_ = 0, second_ = 0;
};

}  // namespace rxhpc
