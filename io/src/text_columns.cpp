#include "text_columns.hpp"

#include <cmath>
#include <set>

#include "rxhpc/errors.hpp"
#include "rxhpc/table.hpp"
#include "text_record.hpp"

namespace rxhpc::impl {
namespace {

void check_known(const std::vector<std::string>& wanted, const std::vector<std::string>& names, const char* what) {
  for (auto const& name : wanted)
    if (std::find(names.begin(), names.end(), name) == names.end()) throw UsageError(with_suggestion("unknown column '" + name + "' in " + what, name, names));
}

/// What a column of the text is called in the table.
const std::string& name_in_table(const std::string& name, const TextOptions& options) {
  auto const said = options.columns.find(name);
  return said == options.columns.end() || said->second.new_name.empty() ? name : said->second.new_name;
}

bool is_wanted(const std::string& name, const TextOptions& options) {
  auto const in = [&](const std::vector<std::string>& names) { return std::find(names.begin(), names.end(), name) != names.end(); };
  return (options.keep.empty() || in(options.keep)) && !in(options.drop);
}

void set_levels(ColumnRule& rule, const ColumnInfo& info) {
  if (rule.fixed && kind_of(rule.type) != Kind::text)
    throw UsageError("column '" + rule.name + "': levels are given, but its type is " + to_string(rule.type));
  if (!info.new_levels.empty() && info.new_levels.size() != info.levels.size())
    throw UsageError("column '" + rule.name + "': new_levels must be as many as levels");
  if (!rule.fixed || rule.type == VarType::character) rule.type = VarType::factor;
  rule.fixed = rule.has_levels = true;
  for (std::size_t i = 0; i < info.levels.size(); ++i) {
    if (rule.values.find(info.levels[i]) >= 0) throw UsageError("column '" + rule.name + "': level '" + info.levels[i] + "' is given twice");
    auto const& name = info.new_levels.empty() ? info.levels[i] : info.new_levels[i];
    auto at = std::find(rule.levels.begin(), rule.levels.end(), name);
    if (at == rule.levels.end()) at = rule.levels.insert(rule.levels.end(), name);
    auto const code = static_cast<std::int32_t>(at - rule.levels.begin());
    rule.values.add(info.levels[i]);
    rule.value_codes.push_back(code);
    if (info.levels[i] == ".rxOther") rule.other = code;
  }
}

ColumnRule rule_of(const TextHeader& header, std::size_t field, const TextOptions& options) {
  ColumnRule rule;
  rule.field = static_cast<int>(field);
  rule.name = header.names[field];
  auto const said = options.columns.find(rule.name);
  auto const info = said == options.columns.end() ? ColumnInfo{} : said->second;
  bool const levels_told = info.has_levels || !info.levels.empty();
  auto const usual = options.usual_types.find(name_in_table(rule.name, options));
  if (usual != options.usual_types.end() && !levels_told) rule.fixed = true, rule.type = usual->second;
  rule.low = info.low;
  rule.high = info.high;
  rule.description = info.description;
  if (info.type) {
    rule.fixed = true;
    rule.type = *info.type;
  }
  if (levels_told) set_levels(rule, info);
  rule.name = name_in_table(rule.name, options);
  switch (rule.type) {
    case VarType::integer: rule.lowest = -INT32_MAX, rule.highest = INT32_MAX; break;
    case VarType::int16: rule.lowest = -INT16_MAX, rule.highest = INT16_MAX; break;
    case VarType::uint16: rule.lowest = 0, rule.highest = UINT16_MAX - 1; break;
    default: break;
  }
  return rule;
}

}  // namespace

std::vector<ColumnRule> column_rules(const TextHeader& header, const TextOptions& options) {
  std::vector<std::string> described, in_table;
  for (auto const& [name, info] : options.columns) described.push_back(name);
  check_known(described, header.names, "the column types");
  for (auto const& name : header.names) in_table.push_back(name_in_table(name, options));
  check_known(options.keep, in_table, "the columns to keep");
  check_known(options.drop, in_table, "the columns to drop");
  std::vector<ColumnRule> rules;
  std::set<std::string> names;
  for (std::size_t field = 0; field < header.names.size(); ++field) {
    if (!is_wanted(in_table[field], options)) continue;
    rules.push_back(rule_of(header, field, options));
    if (!names.insert(rules.back().name).second) throw UsageError("column '" + rules.back().name + "': two columns would have this name");
  }
  if (rules.empty()) throw UsageError("no column is left to read");
  return rules;
}

Kind kind_of(VarType type) {
  switch (type) {
    case VarType::logical: return Kind::logical;
    case VarType::integer: case VarType::int16: case VarType::uint16: case VarType::int64: return Kind::integer;
    case VarType::float32: case VarType::numeric: return Kind::decimal;
    case VarType::date: return Kind::date;
    case VarType::posixct: return Kind::time;
    default: return Kind::text;
  }
}

Kind classify(std::string_view raw, const MissingStrings& missing) {
  std::int64_t whole = 0;
  double decimal = 0;
  auto const logical = parse_logical(raw, missing, whole);
  if (logical == Parsed::missing) return Kind::none;
  if (logical == Parsed::value) return Kind::logical;
  if (parse_integer(raw, missing, whole) == Parsed::value) return Kind::integer;
  if (parse_decimal(raw, missing, decimal) == Parsed::value) return Kind::decimal;
  if (parse_date(raw, missing, whole) == Parsed::value) return Kind::date;
  if (parse_time(raw, missing, whole) == Parsed::value) return Kind::time;
  return Kind::text;
}

VarType decided_type(const ColumnRule& rule, const ColumnFacts& facts, VarType default_decimal) {
  if (rule.fixed) return rule.type;
  switch (facts.kind) {
    case Kind::none: return facts.maybe_text ? VarType::character : VarType::logical;
    case Kind::logical: return VarType::logical;
    case Kind::integer:
      if (facts.low >= -INT32_MAX && facts.high <= INT32_MAX) return VarType::integer;
      return facts.inexact ? VarType::int64 : VarType::numeric;
    case Kind::decimal: return default_decimal;
    case Kind::date: return VarType::date;
    case Kind::time: return VarType::posixct;
    default: return VarType::character;
  }
}

namespace {

/// The range that F() uses: of the values, unless it was given.
void set_range(Variable& v, const ColumnRule& rule, const ColumnFacts& facts) {
  double const unit = v.type == VarType::posixct ? 1e6 : 1.0;
  if (facts.low <= facts.high && kind_of(v.type) != Kind::text && v.type != VarType::logical) {
    v.low = static_cast<double>(facts.low) / unit;
    v.high = static_cast<double>(facts.high) / unit;
  }
  if (facts.least <= facts.most) {
    v.low = facts.low <= facts.high ? std::min(v.low, facts.least) : facts.least;
    v.high = facts.low <= facts.high ? std::max(v.high, facts.most) : facts.most;
  }
  if (rule.low) v.low = *rule.low;
  if (rule.high) v.high = *rule.high;
}

}  // namespace

Variable decided_variable(const ColumnRule& rule, const ColumnFacts& facts, VarType type, std::vector<std::string> levels, bool too_many) {
  Variable v;
  v.name = rule.name;
  v.description = rule.description;
  v.type = type;
  bool const none = facts.low > facts.high;
  switch (kind_of(type)) {
    case Kind::logical: v.storage = Storage::int8; break;
    case Kind::integer: v.storage = narrowest(type, none ? 0 : facts.low, none ? 0 : facts.high); break;
    case Kind::decimal: v.storage = type == VarType::float32 ? Storage::float32 : Storage::float64; break;
    case Kind::date: v.storage = Storage::int32; break;
    case Kind::time: v.storage = Storage::int64; break;
    default:
      if (too_many) {
        v.storage = Storage::text;
        v.text_width = static_cast<int>((std::max<std::int64_t>(facts.width, 1) + 7) / 8 * 8);
      } else {
        v.storage = code_storage(levels.size());
        v.levels = std::move(levels);
      }
  }
  set_range(v, rule, facts);
  return v;
}

}  // namespace rxhpc::impl
