#include "linear_predictor.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_set>

#include "rxhpc/dd.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/linear_combination.hpp"

namespace rxhpc::impl {

std::vector<double> square_rows(const std::vector<std::vector<double>>& matrix) {
  std::vector<double> all;
  for (auto const& row : matrix)
    for (double x : row) all.push_back(std::isnan(x) ? 0 : x);
  return all;
}

LinearPredictor::LinearPredictor(const Design& design, const BoundDesign& bound, std::vector<double> beta, std::vector<double> covariance, std::vector<double> low)
    : bound_(bound), columns_(beta.size()), beta_(std::move(beta)), covariance_(std::move(covariance)), low_(std::move(low)) {
  std::int64_t at = 0;
  for (int t = 0; t < static_cast<int>(design.terms.size()); ++t) {
    first_.push_back(static_cast<std::int32_t>(at));
    at += design.cells(t);
    auto& unused = unused_.emplace_back();
    for (int v : design.terms[t].variables) {
      auto const& variable = design.variables[v];
      if (!variable.factor) continue;
      unused.emplace_back();
      std::unordered_set<std::string_view> const without_rows(variable.unused.begin(), variable.unused.end());
      for (auto const& level : variable.levels) unused.back().push_back(without_rows.contains(level));
    }
  }
}

LinearPredictor::Tile LinearPredictor::tile(std::int64_t rows) const {
  Tile t;
  t.own.assign(bound_.kernel_terms.size(), std::vector<double>(rows));
  t.value.resize(t.own.size());
  t.place.assign(bound_.kernel_terms.size(), std::vector<std::int32_t>(rows));
  t.numbers.resize(rows);
  t.codes.resize(rows);
  return t;
}

// Reads each variable of each term once: 8 bytes a number and row, a code a factor.
void LinearPredictor::load(const Chunk& in, std::int64_t from, std::int64_t count, Tile& tile) const {
  for (std::size_t t = 0; t < bound_.kernel_terms.size(); ++t) {
    auto const& term = bound_.kernel_terms[t];
    auto& value = tile.own[t];
    auto& place = tile.place[t];
    tile.value[t] = value.data();
    if (term.numeric.size() == 1 && term.factors.empty()) {
      auto const& column = in.columns[term.numeric[0]];
      if (column.side_by_side_doubles()) {
        tile.value[t] = static_cast<const double*>(column.data) + from;
        continue;
      }
    }
    if (term.numeric.empty()) {
      std::fill_n(value.begin(), count, 1.0);
    } else {
      load_values(in.columns[term.numeric[0]], from, count, value.data());
    }
    for (std::size_t k = 1; k < term.numeric.size(); ++k) {
      load_values(in.columns[term.numeric[k]], from, count, tile.numbers.data());
      for (std::int64_t i = 0; i < count; ++i) value[i] *= tile.numbers[i];
    }
    if (term.factors.empty()) continue;
    std::fill_n(place.begin(), count, first_[t]);
    std::int32_t radix = 1;
    for (std::size_t f = 0; f < term.factors.size(); ++f) {
      load_codes(in.columns[term.factors[f]], from, count, tile.codes.data());
      // A missing code, or one that the fit never saw, leaves the row in some cell of the term and makes its value NaN.
      const char* const unused = unused_[t][f].data();
      for (std::int64_t i = 0; i < count; ++i) {
        bool const missing = tile.codes[i] < 0 || unused[tile.codes[i]];
        place[i] += missing ? 0 : radix * tile.codes[i];
        value[i] = missing ? std::nan("") : value[i];
      }
      radix *= term.levels[f];
    }
  }
}

void LinearPredictor::center(const std::vector<double>& center, std::int64_t count, Tile& tile) const {
  for (std::size_t t = 0; t < bound_.kernel_terms.size(); ++t) {
    double const c = bound_.kernel_terms[t].factors.empty() ? center[first_[t]] : 0;
    if (c == 0) continue;
    auto& own = tile.own[t];
    for (std::int64_t i = 0; i < count; ++i) own[i] = tile.value[t][i] - c;
    tile.value[t] = own.data();
  }
}

void LinearPredictor::combine(const std::vector<double>& beta, std::int64_t count, const Tile& tile, double* out) const {
  std::fill_n(out, count, 0.0);
  auto const& terms = bound_.kernel_terms;
  std::vector<double> b;
  b.reserve(terms.size());
  for (std::size_t t = 0; t < terms.size();) {
    // numbers that follow one another go together: the bits are those of one at a time
    b.clear();
    std::size_t const first = t;
    for (; t < terms.size() && terms[t].factors.empty(); ++t) b.push_back(beta[first_[t]]);
    add_multiples(b, tile.value.data() + first, count, out);
    if (t == terms.size()) break;
    double const* const value = tile.value[t];
    std::int32_t const* const place = tile.place[t++].data();
    for (std::int64_t i = 0; i < count; ++i) out[i] += beta[place[i]] * value[i];
  }
}

void LinearPredictor::compute(const Chunk& in, std::int64_t from, std::int64_t count, Tile& tile, double* eta, double* variance) const {
  load(in, from, count, tile);
  combine(beta_, count, tile, eta);
  if (!variance || covariance_.empty()) return;
  std::fill_n(variance, count, 0.0);
  if (low_.empty()) return add_variance<false>(count, tile, variance, nullptr);
  std::vector<double> low(static_cast<std::size_t>(count), 0.0);
  add_variance<true>(count, tile, variance, low.data());
  for (std::int64_t i = 0; i < count; ++i) variance[i] += low[static_cast<std::size_t>(i)];
}

/// variance += x'Vx, pairs of terms below the diagonal counted twice; doubled: what is rounded off is summed in `low`.
template <bool Doubled>
void LinearPredictor::add_variance(std::int64_t count, const Tile& tile, double* variance, double* low) const {
  for (std::size_t a = 0; a < bound_.kernel_terms.size(); ++a)
    for (std::size_t b = 0; b <= a; ++b) {
      double const twice = a == b ? 1 : 2;
      double const *const va = tile.value[a], *const vb = tile.value[b];
      bool const cells_a = !bound_.kernel_terms[a].factors.empty(), cells_b = !bound_.kernel_terms[b].factors.empty();
      std::int32_t const *const pa = tile.place[a].data(), *const pb = tile.place[b].data();
      for (std::int64_t i = 0; i < count; ++i) {
        std::size_t const row = cells_a ? pa[i] : first_[a], column = cells_b ? pb[i] : first_[b], at = row * columns_ + column;
        if constexpr (!Doubled) {
          variance[i] += twice * va[i] * vb[i] * covariance_[at];
        } else {
          DD const x = two_prod(twice * va[i], vb[i]), product = two_prod(x.hi, covariance_[at]), sum = two_sum(variance[i], product.hi);
          variance[i] = sum.hi;
          low[i] += sum.lo + (product.lo + (x.hi * low_[at] + x.lo * covariance_[at]));
        }
      }
    }
}

}  // namespace rxhpc::impl
