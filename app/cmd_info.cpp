#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "input.hpp"
#include "rxhpc/moments.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc::app {
namespace {

/// Moments of every column over the whole table: from the zone map, else by one pass over the rows.
std::vector<ZoneMoments> moments_of_columns(Session& session, const ChunkSource& source, Timing& timing) {
  auto const columns = source.schema().size();
  std::vector<ZoneMoments> all(columns);
  if (auto const* zones = source.zone_map()) {
    for (std::size_t c = 0; c < columns; ++c)
      for (auto const& chunk : zones->moments[c]) merge_moments(all[c], chunk);
    return all;
  }
  std::vector<int> positions, places;
  for (std::size_t c = 0; c < columns; ++c)
    if (source.schema()[c].storage != Storage::text) {
      places.push_back(static_cast<int>(positions.size()));
      positions.push_back(static_cast<int>(c));
    }
  auto const found = sweep(source, positions, Moments(places), session.run, session.comm, &timing);
  for (std::size_t k = 0; k < positions.size(); ++k) all[static_cast<std::size_t>(positions[k])] = found.finalize()[k];
  return all;
}

bool has_range(const Variable& v) { return !v.categorical() && v.type != VarType::character; }

/// Days since 1970 as a date (proleptic Gregorian calendar, by Hinnant's rule of 400-year eras).
std::string iso_date(double days_since_1970) {
  auto const z = static_cast<std::int64_t>(std::floor(days_since_1970)) + 719468;
  auto const era = (z >= 0 ? z : z - 146096) / 146097;
  auto const day_of_era = z - era * 146097;
  auto const year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  auto const day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  auto const shifted = (5 * day_of_year + 2) / 153;
  auto const day = day_of_year - (153 * shifted + 2) / 5 + 1, month = shifted < 10 ? shifted + 3 : shifted - 9;
  char text[80];
  std::snprintf(text, sizeof text, "%04lld-%02lld-%02lld", static_cast<long long>(year_of_era + era * 400 + (month <= 2)),
                static_cast<long long>(month), static_cast<long long>(day));
  return text;
}

std::string shown(const Variable& v, double x) {
  if (std::isnan(x)) return "";
  if (std::isinf(x)) return x > 0 ? "Inf" : "-Inf";
  if (v.type == VarType::date) return iso_date(x);
  char text[48];
  if (v.type == VarType::posixct) {
    auto const seconds = static_cast<unsigned>(x - 86400 * std::floor(x / 86400)) % 86400;
    std::snprintf(text, sizeof text, "T%02u:%02u:%02uZ", seconds / 3600, seconds / 60 % 60, seconds % 60);
    return iso_date(std::floor(x / 86400)) + text;
  }
  std::snprintf(text, sizeof text, "%.10g", x);
  return text;
}

struct Range {
  double low, high;
};

Range range_of(const Variable& v, const ZoneMoments& m) {
  if (!has_range(v)) return {std::nan(""), std::nan("")};
  if (!std::isnan(v.low) && !std::isnan(v.high)) return {v.low, v.high};
  if (m.n == 0) return {std::nan(""), std::nan("")};
  return {m.min, m.max};
}

nlohmann::json number_or_null(double x) { return std::isnan(x) ? nlohmann::json() : nlohmann::json(x); }

nlohmann::json variable_json(const Variable& v, const ZoneMoments& m) {
  auto const range = range_of(v, m);
  nlohmann::json j = {{"name", v.name},
                      {"var_type", to_string(v.type)},
                      {"storage", to_string(v.storage)},
                      {"low", number_or_null(range.low)},
                      {"high", number_or_null(range.high)},
                      {"levels", v.categorical() ? nlohmann::json(v.levels) : nlohmann::json()},
                      {"missing_obs", v.storage == Storage::text && m.n + m.missing == 0 ? nlohmann::json() : nlohmann::json(m.missing)}};
  if (!v.description.empty()) j["description"] = v.description;
  return j;
}

std::string levels_shown(const Variable& v) {
  if (!v.categorical()) return "";
  std::string text = std::to_string(v.levels.size()) + (v.levels.size() == 1 ? " level:" : " levels:");
  for (std::size_t i = 0; i < v.levels.size(); ++i) {
    if (text.size() > 60) return text + " ...";
    text += (i ? ", " : " ") + v.levels[i];
  }
  return text;
}

std::string table_text(const std::vector<std::vector<std::string>>& rows, const std::vector<bool>& right) {
  std::vector<std::size_t> widths(rows[0].size(), 0);
  for (auto const& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  std::string text;
  for (auto const& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      std::string const pad(widths[c] - row[c].size(), ' ');
      line += (c ? "  " : "") + (right[c] ? pad + row[c] : row[c] + pad);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

}  // namespace

void run_info(Session& session) {
  auto const path = session.args.positional("INPUT");
  auto const source = open_input(session, path);
  Timing timing;
  auto const moments = moments_of_columns(session, *source, timing);
  auto const& schema = source->schema();
  auto const rows = source->grid().total(), chunks = source->grid().chunks();

  nlohmann::json variables = nlohmann::json::array();
  std::vector<std::vector<std::string>> table{{"Name", "Type", "Storage", "Low", "High", "Missing", "Levels"}};
  for (std::size_t c = 0; c < schema.size(); ++c) {
    auto const& v = schema[c];
    auto const range = range_of(v, moments[c]);
    variables.push_back(variable_json(v, moments[c]));
    table.push_back({v.name, to_string(v.type), to_string(v.storage), shown(v, range.low), shown(v, range.high),
                     with_commas(moments[c].missing), levels_shown(v)});
  }
  Result result;
  result.input = path;
  result.rows = rows;
  result.fields = {{"num_rows", rows},    {"num_vars", schema.size()}, {"num_chunks", chunks},
                   {"variables", variables}, {"n_valid_obs", rows},       {"n_missing_obs", 0}};
  result.text = path + "\n" + with_commas(rows) + " rows, " + std::to_string(schema.size()) + " variables, " + std::to_string(chunks) +
                (chunks == 1 ? " chunk\n\n" : " chunks\n\n") + table_text(table, {false, false, false, true, true, true, false});
  finish(session, std::move(result), timing);
}

}  // namespace rxhpc::app
