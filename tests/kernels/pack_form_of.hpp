// What a form of Pack answers. Included by one file a form, once the instruction set is chosen; the standard headers come before that.
#include "rxhpc/pack_tails.hpp"

namespace rxhpc::impl {
namespace {

using test::PackFunction;

template <class P>
std::vector<double> values(PackFunction f, const std::vector<double>& x) {
  std::vector<double> out(x.size());
  for (std::size_t i = 0; i + 8 <= x.size(); i += 8) {
    P const a = P::load(&x[i]);
    P y = log1p(a);
    if (f == PackFunction::exp) y = exp(a);
    if (f == PackFunction::expm1) y = expm1(a);
    if (f == PackFunction::log) y = log(a);
    if (f == PackFunction::log_excess) y = log_excess(a);
    if (f == PackFunction::log_gap) y = log_gap(P::all(1) + a, a);
    if (f == PackFunction::atan_to_one) y = atan_to_one(a);
    if (f == PackFunction::normal_tail) y = normal_tail(a).tail;
    if (f == PackFunction::normal_density) y = normal_tail(a).density;
    if (f == PackFunction::cauchy_tail) y = cauchy_tail(a).tail;
    y.store(&out[i]);
  }
  return out;
}

template <class P>
void extremes(const double* x, const double* y, double* low, double* high) {
  min(P::load(x), P::load(y)).store(low);
  max(P::load(x), P::load(y)).store(high);
}

template <class P>
std::vector<double> everything(const std::vector<double>& x) {
  std::vector<double> out;
  auto const keep_result = [&](P p) {
    double v[8];
    p.store(v);
    out.insert(out.end(), v, v + 8);
  };
  for (std::size_t i = 0; i + 24 <= x.size(); i += 8) {
    P const a = P::load(&x[i]), b = P::load(&x[i + 8]), c = P::load_part(&x[i + 16], static_cast<int>(i / 8 % 9));
    keep_result(a + b);
    keep_result(a - b);
    keep_result(a * b);
    keep_result(fma(a, b, c));
    keep_result(fms(a, b, c));
    keep_result(min(a, b));
    keep_result(max(a, b));
    keep_result(keep(is_number(a), b));
    keep_result(select(is_number(b) & below(a, 1.0), a, c));
    keep_result(select(less(a, b), c, b));
    keep_result(keep(mask_of(static_cast<unsigned>(i * 37 % 256), a), b));
    std::int32_t whole[8];
    store_whole(P::all(static_cast<double>(i)), whole);
    out.insert(out.end(), whole, whole + 8);
    auto const d = two_prod(a, b), e = two_sum(d.hi, c);
    keep_result(e.hi);
    keep_result((d + e).lo);
    keep_result((d * e).lo);
    out.push_back(static_cast<double>(is_number(a).bits() + 256 * below(b, 2.0).bits()));
    a.store_part(out.data() + out.size() - 9, 3);
  }
  return out;
}

template <class Part>
std::vector<double> of_parts(const std::vector<double>& x) {
  std::vector<double> sums, side_by_side;
  for (std::size_t i = 0; i + 64 <= x.size(); i += 8) {
    double turned[8][8];  // [row][column] of eight columns of eight rows
    for (std::size_t r = 0; r < 8; r += Part::lanes)
      for (std::size_t c = 0; c < 8; c += Part::lanes) {
        Part square[Part::lanes];
        for (std::size_t k = 0; k < Part::lanes; ++k) square[k] = Part::load(&x[i + 8 * (c + k) + r]);
        transpose(square);
        for (std::size_t k = 0; k < Part::lanes; ++k) square[k].store(turned[r + k] + c);
      }
    side_by_side.insert(side_by_side.end(), turned[0], turned[0] + 64);
  }
  for (std::size_t i = 0; i + 24 <= x.size(); i += 8) {
    for (std::size_t k = i; k < i + 8; k += Part::lanes) {
      Part const a = Part::load(&x[k]), b = Part::load(&x[k + 8]), c = held(Part::load(&x[k + 16]));
      for (Part const p : {a + b, a - b, a * b, fma(a, b, c), fms(a, b, c), count_where(less(a, b), count_where(is_number(a), Part::all(0)))}) {
        double lanes[Part::lanes];
        p.store(lanes);
        sums.insert(sums.end(), lanes, lanes + Part::lanes);
      }
      double found[8];
      int const lanes = compress(less(a, b) ^ less(a, c), a, found);
      side_by_side.insert(side_by_side.end(), found, found + lanes);
    }
  }
  // [operation][row]: the same order for any number of lanes
  std::vector<double> out(side_by_side);
  std::size_t const groups = sums.size() / (6 * Part::lanes);
  for (std::size_t op = 0; op < 6; ++op)
    for (std::size_t g = 0; g < groups; ++g)
      for (std::size_t k = 0; k < Part::lanes; ++k) out.push_back(sums[(g * 6 + op) * Part::lanes + k]);
  return out;
}

}  // namespace
}  // namespace rxhpc::impl
