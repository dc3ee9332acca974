// Where a quantile lies among the order statistics: R's nine types.
#pragma once

namespace rxhpc::impl {

/// (1 - h) x[j] + h x[j + 1], ranks below 1 being 1 and ranks above the size the size.
struct QuantilePosition {
  double j = 0, h = 0;
};

/// As R's quantile() (4.2): type 1 to 9, `n` the number of rows or the sum of frequency weights, `p` from 0 to 1.
QuantilePosition quantile_position(int type, double n, double p);
/// The quantile, where x[j] and x[j + 1] are these.
double interpolated(const QuantilePosition& at, double low, double high);

}  // namespace rxhpc::impl
