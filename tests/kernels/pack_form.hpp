// The forms of Pack behind one interface. Each is compiled in a file of its own, for its own instruction set, and runs where the CPU has that.
#pragma once
#include <string>
#include <vector>

namespace rxhpc::test {

enum class PackFunction { exp, expm1, log, log1p, log_excess, log_gap, atan_to_one, normal_tail, normal_density, cauchy_tail };

struct PackForm {
  std::string name;
  bool runs_here;
  std::vector<double> (*values)(PackFunction f, const std::vector<double>& x);
  std::vector<double> (*everything)(const std::vector<double>& x);          ///< results of all operations on packs of x
  std::vector<double> (*parts)(const std::vector<double>& x);               ///< the same of what a PackPart has
  void (*extremes)(const double* x, const double* y, double* low, double* high);
};
PackForm plain_form();
PackForm avx2_form();
PackForm avx512_form();

/// The plain form first.
inline std::vector<PackForm> pack_forms_here() {
  std::vector<PackForm> forms;
  for (auto const& form : {plain_form(), avx2_form(), avx512_form()})
    if (form.runs_here) forms.push_back(form);
  return forms;
}

}  // namespace rxhpc::test
