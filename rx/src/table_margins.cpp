#include "table_margins.hpp"

#include <algorithm>
#include <cmath>

#include "rxhpc/random.hpp"

namespace rxhpc::impl {

RandomTables::RandomTables(const TwoWay& table, std::uint64_t seed) : margins_(table), seed_(seed) {
  constexpr double most_kept = 1 << 20;  // larger ones are computed when they are asked for
  log_factorial_.resize(static_cast<std::size_t>(std::min(margins_.total, most_kept)) + 1);
  for (std::size_t k = 0; k < log_factorial_.size(); ++k) log_factorial_[k] = std::lgamma(static_cast<double>(k) + 1);
}

double RandomTables::log_factorial(double n) const {
  return n < static_cast<double>(log_factorial_.size()) ? log_factorial_[static_cast<std::size_t>(n)] : std::lgamma(n + 1);
}

/// Marked ones among `draws` of `total` of which `marked` are marked. u in (0, 1).
double RandomTables::cell(double draws, double marked, double total, double u) const {
  double const low = std::max(0.0, draws + marked - total), high = std::min(draws, marked);
  if (low >= high) return low;
  auto const other = total - marked;
  double const mode = std::clamp(std::floor((draws + 1) * (marked + 1) / (total + 2)), low, high);
  auto const choose = [&](double n, double k) { return log_factorial(n) - log_factorial(k) - log_factorial(n - k); };
  double const top = std::exp(choose(marked, mode) + choose(other, draws - mode) - choose(total, draws));
  if ((u -= top) <= 0) return mode;
  // outwards from the mode, the next value on either side in turn
  double up = mode, down = mode, p_up = top, p_down = top;
  while (up < high || down > low) {
    if (up < high) {
      p_up *= (marked - up) * (draws - up) / ((up + 1) * (other - draws + up + 1));
      ++up;
      if ((u -= p_up) <= 0) return up;
    }
    if (down > low) {
      p_down *= down * (other - draws + down) / ((marked - down + 1) * (draws - down + 1));
      --down;
      if ((u -= p_down) <= 0) return down;
    }
  }
  return mode;  // what rounding left of u
}

void RandomTables::draw(std::uint32_t number, TwoWay& out) const {
  out.rows = margins_.row.size();
  out.columns = margins_.column.size();
  out.values.assign(out.rows * out.columns, 0);
  auto column = margins_.column;
  double total = margins_.total;
  for (std::size_t i = 0; i < out.rows; ++i) {
    double row = margins_.row[i], left = total;
    for (std::size_t j = 0; j < out.columns; ++j) {
      bool const last = j + 1 == out.columns || i + 1 == out.rows;
      double const u = random_uniform(random_bits(seed_, RandomPurpose::simulated_tables, number, i * out.columns + j));
      double const n = i + 1 == out.rows ? column[j] : last ? row : cell(row, column[j], left, u);
      out.values[i * out.columns + j] = n;
      left -= column[j];
      row -= n;
      column[j] -= n;
    }
    total -= margins_.row[i];
  }
}

}  // namespace rxhpc::impl
