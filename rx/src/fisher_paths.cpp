#include "fisher_paths.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace rxhpc::impl {

void settle(std::vector<Path>& paths, double same) {
  std::sort(paths.begin(), paths.end(), [](const Path& a, const Path& b) { return a.log != b.log ? a.log < b.log : a.weight < b.weight; });
  std::size_t kept = 0;
  for (std::size_t k = 1; k < paths.size(); ++k) {
    if (paths[k].log - paths[kept].log <= same) paths[kept].weight += paths[k].weight;
    else paths[++kept] = paths[k];
  }
  if (!paths.empty()) paths.resize(kept + 1);
}

void pass(RowSums& sums, std::size_t place) {
  for (std::size_t i = place; i > 0 && sums[i] < sums[i - 1]; --i) std::swap(sums[i], sums[i - 1]);
}

TableEnds::TableEnds(const std::vector<int>& columns, const std::vector<int>& rows, const std::vector<double>& log_factorial, double same,
                     std::size_t most_paths)
    : log_factorial_(log_factorial), rows_(rows), same_(same), most_paths_(most_paths) {
  std::sort(rows_.begin(), rows_.end());
  Layer layer;
  layer[RowSums(rows_.size(), 0)] = {{0, 1}};
  double columns_log = 0, total = 0;
  while (taken_ + 1 < columns.size() && add(columns[columns.size() - 1 - taken_], layer)) {
    total += columns[columns.size() - 1 - taken_];
    columns_log += log_factorial_[static_cast<std::size_t>(columns[columns.size() - 1 - taken_])];
    ++taken_;
  }
  for (auto& [sums, paths] : layer) {
    // the chance of each table given its margins; the layer has the tables of every order of the sums
    double given = columns_log - log_factorial_[static_cast<std::size_t>(total)] - log_factorial_[sums.size()];
    for (std::size_t i = 0, run = 0; i < sums.size(); ++i) {
      given += log_factorial_[static_cast<std::size_t>(sums[i])];
      run = i > 0 && sums[i] == sums[i - 1] ? run + 1 : 1;
      given += std::log(static_cast<double>(run));
    }
    auto& end = ends_[sums];
    double share = 0;
    for (auto const& path : paths) {
      share += path.weight * std::exp(path.log + given);
      end.log.push_back(path.log);
      end.share.push_back(share);
    }
    std::vector<Path>().swap(paths);
  }
}

/// One column more; false, and nothing changed, where that makes too many paths.
bool TableEnds::add(int column, Layer& layer) {
  Layer from, to;
  bool first = true;
  std::size_t live = 0;
  for (std::size_t row = 0; row < rows_.size(); ++row, first = false) {
    auto const& before = first ? layer : from;
    int const total = std::accumulate(layer.begin()->first.begin(), layer.begin()->first.end(), 0);
    bool const ends = row + 1 == rows_.size();
    to.clear();
    live = 0;
    for (auto const& [sums, paths] : before) {
      int const rest = column - (std::accumulate(sums.begin(), sums.end(), 0) - total);
      for (int n = ends ? rest : 0; n <= rest; ++n) {
        auto after = sums;
        after[row] += n;
        if (after[row] > rows_.back()) break;
        pass(after, row);
        // sums that the rows cannot have are of no use
        bool fits = true;
        for (std::size_t i = 0; ends && fits && i < after.size(); ++i) fits = after[i] <= rows_[i];
        if (!fits) continue;
        auto& more = to[after];
        for (auto const& path : paths) more.push_back({path.log - log_factorial_[static_cast<std::size_t>(n)], path.weight});
        steps_ += static_cast<std::int64_t>(paths.size()) + 8;
        if ((live += paths.size()) > 8 * most_paths_) return false;
      }
    }
    live = 0;
    for (auto& [sums, paths] : to) {
      settle(paths, same_);
      live += paths.size();
    }
    if (live > most_paths_) return false;
    from.swap(to);
  }
  layer.swap(from);
  return true;
}

}  // namespace rxhpc::impl
