// Tails of the normal and the Cauchy law on packs, with the same bits in every form of Pack. Private to the kernels, as pack.hpp. Errors stay below 2.5
// units in the last place (arctangent, Cauchy), 3 (normal density) and 5 (normal tail); tests/kernels/pack_math_test.cpp measures them.
#pragma once
#include "rxhpc/pack_math.hpp"

namespace rxhpc::impl {

/// arctan x for x in [0, 1], NaN for NaN: arctan x = arctan c + arctan t, t = (x - c)/(1 + c x), c the nearest of 0, 1/2 and 1. |t| <= 0.237, of
/// whose Taylor series 13 terms leave 1e-18.
template <class P>
KOKKOS_INLINE_FUNCTION P atan_to_one(P x) {
  auto const low = less(x, P::all(0.236)), high = less(P::all(0.77), x);
  P const c = select(low, P::all(0), select(high, P::all(1), P::all(0.5)));
  P const base = select(low, P::all(0), select(high, P::all(0.78539816339744828), P::all(0.46364760900080609)));
  P const rest = select(low, P::all(0), select(high, P::all(3.061616997868383e-17), P::all(2.2698777452961687e-17)));
  P const t = (x - c) / fma(c, x, P::all(1)), t2 = t * t, t4 = t2 * t2;
  P even = P::all(1.0 / 25), odd = P::all(-1.0 / 27);
  even = fma(even, t4, P::all(1.0 / 21));
  odd = fma(odd, t4, P::all(-1.0 / 23));
  even = fma(even, t4, P::all(1.0 / 17));
  odd = fma(odd, t4, P::all(-1.0 / 19));
  even = fma(even, t4, P::all(1.0 / 13));
  odd = fma(odd, t4, P::all(-1.0 / 15));
  even = fma(even, t4, P::all(1.0 / 9));
  odd = fma(odd, t4, P::all(-1.0 / 11));
  even = fma(even, t4, P::all(1.0 / 5));
  odd = fma(odd, t4, P::all(-1.0 / 7));
  // t - t^3/3 + t^5 (1/5 - t^2/7 + ...)
  P const q = fma(fma(fma(odd, t2, even), t2, P::all(-1.0 / 3)), t2 * t, rest);
  return base + (t + q);
}

/// P(X > a) and the density of the standard Cauchy law, a >= 0.
template <class P>
struct Tail {
  P tail, density;
};
template <class P>
KOKKOS_INLINE_FUNCTION Tail<P> cauchy_tail(P a) {
  P const one = P::all(1), inverse_pi = P::all(0.31830988618379069);
  auto const beyond = less(one, a);
  P const share = atan_to_one(select(beyond, one / a, a)) * inverse_pi;
  return {select(beyond, share, P::all(0.5) - share), inverse_pi / fma(a, a, one)};
}

/// P(X > a) and the density of the standard normal law, a >= 0; the tail right up to a = 8.25, beyond it some number below 1e-16.
/// Mills' ratio times a + 3/4, between 0.94 and 1.16, is a polynomial of degree 20 in u = 2a (8.25 + 4) / (8.25 (a + 4)) - 1, by interpolation at Chebyshev's
/// points in 60 digits; it leaves 1e-18.
template <class P>
KOKKOS_INLINE_FUNCTION Tail<P> normal_tail(P a) {
  P const inside = min(a, P::all(8.25));
  P const u = inside * P::all(2.9696969696969697) / (inside + P::all(4)) - P::all(1), u2 = u * u;
  P even = P::all(-5.9686929460995451e-12), odd = P::all(-3.925207293198478e-12);
  even = fma(even, u2, P::all(9.7971249284574354e-11));
  odd = fma(odd, u2, P::all(2.4133493945432106e-10));
  even = fma(even, u2, P::all(-7.8868630529908015e-10));
  odd = fma(odd, u2, P::all(-5.0561988533425984e-09));
  even = fma(even, u2, P::all(3.8730352109456293e-10));
  odd = fma(odd, u2, P::all(7.5150699961529874e-08));
  even = fma(even, u2, P::all(1.2034990728675961e-07));
  odd = fma(odd, u2, P::all(-1.0255361772051264e-06));
  even = fma(even, u2, P::all(-2.9928564981542906e-06));
  odd = fma(odd, u2, P::all(1.6190969222395903e-05));
  even = fma(even, u2, P::all(5.329936564882216e-05));
  odd = fma(odd, u2, P::all(-0.00035839556469765844));
  even = fma(even, u2, P::all(-0.00044390484686537921));
  odd = fma(odd, u2, P::all(0.0095992972477175111));
  even = fma(even, u2, P::all(-0.041108803744110349));
  odd = fma(odd, u2, P::all(0.09439515070133267));
  even = fma(even, u2, P::all(-0.10914899762427586));
  odd = fma(odd, u2, P::all(-0.035873918845982816));
  even = fma(even, u2, P::all(1.1584142519555247));
  // e^(-a^2 / 2), with what a^2 loses in rounding
  P const square = a * a, lost = select(below(square, 1e300), fma(a, a, P::all(0) - square), P::all(0));
  P const power = exp(P::all(-0.5) * square), density = P::all(0.3989422804014327) * fma(power, P::all(-0.5) * lost, power);
  return {density * (fma(odd, u, even) / (inside + P::all(0.75))), density};
}

}  // namespace rxhpc::impl
