// Breaks of a histogram at round numbers.
#pragma once
#include <vector>

namespace rxhpc::impl {

/// R's pretty(c(low, high), n, min.n = 1): about n intervals between multiples of 1, 2 or 5 times a power of ten that cover low to high.
std::vector<double> pretty(double low, double high, int n);
/// `bins` intervals of equal width.
std::vector<double> even_breaks(double low, double high, int bins);
/// Numbers of bins: Sturges, J. Am. Stat. Assoc. 21 (1926); Scott, Biometrika 66 (1979), 605; Freedman & Diaconis, Z. Wahrsch. 57
/// (1981), 453, of which `width` is the bins' width before the division by the cube root of n.
double sturges_bins(double n);
double scott_bins(double n, double variance, double range);
double freedman_diaconis_bins(double n, double width, double range);
/// signif(x, 5)
double five_digits(double x);

}  // namespace rxhpc::impl
