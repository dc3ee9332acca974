#include "rxhpc/schema.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "rxhpc/errors.hpp"

namespace rxhpc {
namespace {

constexpr std::array<const char*, 12> type_names{"logical", "integer", "int16", "uint16", "int64", "float32",
                                                 "numeric", "character", "factor", "ordered", "Date", "POSIXct"};
constexpr std::array<const char*, 8> storage_names{"int8", "int16", "uint16", "int32", "int64", "float32", "float64", "text"};

}  // namespace

const char* to_string(VarType type) { return type_names[static_cast<std::size_t>(type)]; }
const char* to_string(Storage storage) { return storage_names[static_cast<std::size_t>(storage)]; }

VarType var_type(std::string_view spelling) {
  auto const at = std::find(type_names.begin(), type_names.end(), spelling);
  if (at != type_names.end()) return static_cast<VarType>(at - type_names.begin());
  std::string all;
  for (auto name : type_names) all += std::string(all.empty() ? "" : ", ") + name;
  throw UsageError("unknown column type '" + std::string(spelling) + "'; types are " + all);
}

Storage storage_of(std::string_view spelling) {
  auto const at = std::find(storage_names.begin(), storage_names.end(), spelling);
  if (at == storage_names.end()) throw DataError("unknown storage '" + std::string(spelling) + "'");
  return static_cast<Storage>(at - storage_names.begin());
}

int Schema::find(std::string_view name) const {
  for (std::size_t i = 0; i < variables.size(); ++i)
    if (variables[i].name == name) return static_cast<int>(i);
  return -1;
}

void Schema::check_names() const {
  std::set<std::string_view> names;
  for (auto const& v : variables)
    if (!names.insert(v.name).second) throw UsageError("column '" + v.name + "' occurs twice");
}

int Schema::at(std::string_view name) const {
  if (int const i = find(name); i >= 0) return i;
  std::vector<std::string> names;
  for (auto const& v : variables) names.push_back(v.name);
  throw UsageError(with_suggestion("unknown column '" + std::string(name) + "'", name, names));
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  auto const lower = [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); };
  std::string best;
  std::size_t best_distance = word.size() < 2 ? 1 : 1 + std::max<std::size_t>(1, word.size() / 3);  // any letter is near any other
  for (auto const& candidate : candidates) {
    // Levenshtein's distance by rows, letters compared without case.
    std::vector<std::size_t> row(candidate.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 0; i < word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i + 1;
      for (std::size_t j = 0; j < candidate.size(); ++j) {
        std::size_t const substituted = diagonal + (lower(word[i]) != lower(candidate[j]));
        diagonal = row[j + 1];
        row[j + 1] = std::min({substituted, row[j] + 1, diagonal + 1});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

std::string with_suggestion(std::string message, std::string_view word, const std::vector<std::string>& candidates) {
  auto const near = nearest(word, candidates);
  return near.empty() ? message : message + "; did you mean '" + near + "'?";
}

}  // namespace rxhpc
