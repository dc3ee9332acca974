// Levels that a histogram leaves out.
#pragma once
#include <string>
#include <vector>

#include "cell_terms.hpp"

namespace rxhpc::impl {

/// Which levels of the factors of a histogram (its variable's first, then the panels') stay.
class LevelChoice {
 public:
  /// `drop`, `keep`: levels, or FACTOR=LEVEL; keep leaves out all other levels of the factors that it names levels of.
  /// Throws UsageError for what is no level of any of them, or of several, and where no level of a factor is left.
  LevelChoice(const std::vector<CellTerm>& factors, const std::vector<std::string>& drop, const std::vector<std::string>& keep);
  bool stays(std::size_t factor, const std::string& level) const;
  /// Panels of the factors from `first` on.
  double combinations(std::size_t first) const;
  /// A row selection that `selection` (may be empty) and this choice pass; rows where a factor is missing stay.
  std::string selection(const std::string& selection) const;

 private:
  void mark(const std::string& entry, const char* option, char mark);

  const std::vector<CellTerm>& factors_;
  std::vector<std::vector<char>> marks_;  // [factors][levels] 0, 'd'ropped or 'k'ept
};

}  // namespace rxhpc::impl
