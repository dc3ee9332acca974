// --col-info: what a JSON object says about columns.
#include <nlohmann/json.hpp>

#include "rxhpc/errors.hpp"
#include "rxhpc/table.hpp"
#include "rxhpc/text.hpp"

namespace rxhpc {
namespace {

using Json = nlohmann::json;

const std::vector<std::string> field_names{"type", "levels", "new_levels", "new_name", "description", "low", "high"};

[[noreturn]] void refuse(const std::string& column, const std::string& field, const std::string& what) {
  throw UsageError("column '" + column + "': " + field + " " + what);
}

std::string text_of(const Json& value, const std::string& column, const std::string& field) {
  if (!value.is_string()) refuse(column, field, "must be text");
  return value.get<std::string>();
}

/// Levels may be written as numbers: they stand for their spelling.
std::vector<std::string> texts_of(const Json& value, const std::string& column, const std::string& field) {
  if (!value.is_array()) refuse(column, field, "must be a list of texts");
  std::vector<std::string> texts;
  for (auto const& item : value) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
    else if (item.is_number() || item.is_boolean()) texts.push_back(item.dump());
    else refuse(column, field, "must be a list of texts");
  }
  return texts;
}

double number_of(const Json& value, const std::string& column, const std::string& field) {
  if (!value.is_number()) refuse(column, field, "must be a number");
  return value.get<double>();
}

ColumnInfo info_of(const std::string& column, const Json& said) {
  if (!said.is_object()) throw UsageError("column '" + column + "': its description must be a JSON object");
  ColumnInfo info;
  for (auto const& [field, value] : said.items()) {
    if (value.is_null()) continue;
    if (field == "type") {
      auto const type = text_of(value, column, field);
      try {
        info.type = var_type(type);
      } catch (const UsageError& e) {
        throw UsageError("column '" + column + "': " + e.what());
      }
    } else if (field == "levels") {
      info.levels = texts_of(value, column, field);
      info.has_levels = true;
    } else if (field == "new_levels") {
      info.new_levels = texts_of(value, column, field);
    } else if (field == "new_name") {
      info.new_name = text_of(value, column, field);
    } else if (field == "description") {
      info.description = text_of(value, column, field);
    } else if (field == "low") {
      info.low = number_of(value, column, field);
    } else if (field == "high") {
      info.high = number_of(value, column, field);
    } else {
      throw UsageError(with_suggestion("column '" + column + "': unknown field '" + field + "'", field, field_names));
    }
  }
  if (info.low && info.high && *info.low > *info.high) refuse(column, "low", "is above high");
  if (!info.new_levels.empty() && info.new_levels.size() != info.levels.size()) refuse(column, "new_levels", "must be as many as levels");
  return info;
}

}  // namespace

std::map<std::string, ColumnInfo> read_column_info(const std::string& path) {
  Json all;
  try {
    all = Json::parse(read_whole(path));
  } catch (const Json::exception& e) {
    throw DataError(path + ": not valid JSON: " + reason_of(e));
  }
  if (!all.is_object()) throw DataError(path + ": must be a JSON object: column name, then what is said about it");
  std::map<std::string, ColumnInfo> infos;
  for (auto const& [column, said] : all.items()) {
    try {
      infos[column] = info_of(column, said);
    } catch (const UsageError& e) {
      throw UsageError(path + ": " + e.what());
    }
  }
  return infos;
}

}  // namespace rxhpc
