#include "model_rows.hpp"

#include <cctype>
#include <cmath>

#include "rxhpc/errors.hpp"
#include "rxhpc/moments.hpp"
#include "rxhpc/no_rows.hpp"

namespace rxhpc::impl {

Formula model_formula(std::string_view text, const Schema& schema, bool like_r) {
  std::vector<std::string> names;
  for (auto const& v : schema.variables) names.push_back(v.name);
  auto const formula = parse_formula(text, names);
  return like_r ? formula.in_r_order() : formula;
}

std::string weight_name(const std::string& pweights, const std::string& fweights) {
  if (!pweights.empty() && !fweights.empty()) throw UsageError("--pweights and --fweights cannot be used together");
  return fweights.empty() ? pweights : fweights;
}

namespace {

void refuse_rows(const std::string& column, std::int64_t rows, const char* what) {
  if (rows > 0) throw DataError("column '" + column + "': " + std::to_string(rows) + (rows == 1 ? " row has " : " rows have ") + what);
}

}  // namespace

void refuse_negative_weights(const std::string& column, std::int64_t rows) { refuse_rows(column, rows, "a negative weight"); }
void refuse_weights(const std::string& column, std::int64_t rows) { refuse_rows(column, rows, "a negative or infinite weight"); }

void require_rows(std::int64_t valid) {
  if (valid == 0) throw DataError(no_complete_row);
}

std::string complete_selection(const std::string& selection, const std::vector<std::string>& expressions) {
  std::string all = selection.find_first_not_of(" \t\r\n") == std::string::npos ? "" : "(" + selection + ")";
  for (auto const& e : expressions) all += (all.empty() ? "" : " & ") + ("!is.na(" + e + ")");
  return all;
}

void add_timing(Timing& into, const Timing& other) {
  into.read_s += other.read_s;
  into.compute_s += other.compute_s;
  into.merge_s += other.merge_s;
  into.rows += other.rows;
  into.bytes += other.bytes;
  into.passes += other.passes;
}

void use_sweep_for_ranges(RowSource& rows, const RunOptions& run, Communicator& comm) {
  rows.set_range_function([&run, &comm](const RowSource& source, int column) {
    int const columns[] = {column};
    auto const range = sweep(source, columns, Moments({0}), run, comm).finalize()[0];
    return range.n > 0 ? std::pair(range.min, range.max) : std::pair(std::nan(""), std::nan(""));
  });
}

}  // namespace rxhpc::impl
