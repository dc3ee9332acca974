// Results as JSON and as text.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace rxhpc::app {

/// Infinities become "Infinity" and "-Infinity"; NaN is left, and written as null.
void name_infinities(nlohmann::json& j);
/// The JSON's text: numbers in the shortest form that reads back as the same double.
std::string json_text(nlohmann::json j);
/// Writes to standard output; throws DataError where it cannot take all.
void print(const std::string& text);

}  // namespace rxhpc::app
