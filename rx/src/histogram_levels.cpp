#include "histogram_levels.hpp"

#include <algorithm>

#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

/// The factor as an expression that needs no look at the data: F(x) with the range that its levels tell.
std::string expression_of(const CellTerm& factor) {
  auto const e = parse_expression(factor.label);
  if (!e->is_call("F") || e->args.size() != 1) return factor.label;
  return "F(" + deparse(*e->args[0]) + ", " + factor.levels[0].front() + ", " + factor.levels[0].back() + ")";
}

}  // namespace

LevelChoice::LevelChoice(const std::vector<CellTerm>& factors, const std::vector<std::string>& drop, const std::vector<std::string>& keep)
    : factors_(factors) {
  for (auto const& f : factors) marks_.emplace_back(f.levels[0].size(), '\0');
  for (auto const& entry : keep) mark(entry, "--levels-to-keep", 'k');
  for (auto& marks : marks_)
    if (std::count(marks.begin(), marks.end(), 'k') > 0) std::replace(marks.begin(), marks.end(), '\0', 'd');
  for (auto const& entry : drop) mark(entry, "--levels-to-drop", 'd');
  for (std::size_t f = 0; f < factors.size(); ++f)
    if (std::count(marks_[f].begin(), marks_[f].end(), 'd') == static_cast<std::ptrdiff_t>(marks_[f].size()))
      throw UsageError("no level of '" + factors[f].name + "' is left");
}

/// A level by itself must be one factor's alone; `factor=level` says whose it is.
void LevelChoice::mark(const std::string& entry, const char* option, char mark) {
  std::vector<std::pair<std::size_t, std::size_t>> owners;  // factor, level
  auto const look = [&](std::size_t f, const std::string& level) {
    auto const& levels = factors_[f].levels[0];
    auto const at = std::find(levels.begin(), levels.end(), level);
    if (at != levels.end()) owners.emplace_back(f, static_cast<std::size_t>(at - levels.begin()));
  };
  for (std::size_t f = 0; f < factors_.size(); ++f) look(f, entry);
  for (std::size_t f = 0; owners.empty() && f < factors_.size(); ++f)
    for (auto const& name : {factors_[f].name, factors_[f].label})
      if (owners.empty() && entry.starts_with(name + "=")) look(f, entry.substr(name.size() + 1));
  if (owners.empty()) throw UsageError(std::string(option) + ": '" + entry + "' is no level of the histogram's factors");
  if (owners.size() > 1) {
    auto const &one = factors_[owners[0].first].name, &other = factors_[owners[1].first].name;
    throw UsageError(std::string(option) + ": '" + entry + "' is a level of '" + one + "' and of '" + other + "'; write '" + one + "=" + entry + "' or '" +
                     other + "=" + entry + "'");
  }
  marks_[owners[0].first][owners[0].second] = mark;
}

bool LevelChoice::stays(std::size_t factor, const std::string& level) const {
  auto const& levels = factors_[factor].levels[0];
  return marks_[factor][static_cast<std::size_t>(std::find(levels.begin(), levels.end(), level) - levels.begin())] != 'd';
}

double LevelChoice::combinations(std::size_t first) const {
  double panels = 1;
  for (std::size_t f = first; f < marks_.size(); ++f) panels *= static_cast<double>(marks_[f].size()) - static_cast<double>(std::count(marks_[f].begin(), marks_[f].end(), 'd'));
  return panels;
}

std::string LevelChoice::selection(const std::string& selection) const {
  std::string text = selection.empty() ? "" : "(" + selection + ")";
  for (std::size_t f = 0; f < factors_.size(); ++f) {
    std::string gone;
    for (std::size_t l = 0; l < marks_[f].size(); ++l)
      if (marks_[f][l] == 'd') gone += (gone.empty() ? "" : ", ") + quoted_text(factors_[f].levels[0][l]);
    if (!gone.empty()) text += (text.empty() ? "!(" : " & !(") + expression_of(factors_[f]) + " %in% c(" + gone + "))";
  }
  return text;
}

}  // namespace rxhpc::impl
