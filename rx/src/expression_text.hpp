// What the parser and the error messages share about source text.
#pragma once
#include <string>
#include <string_view>

namespace rxhpc::impl {

bool is_reserved(std::string_view name);
bool starts_name(std::string_view s, std::size_t at);
bool continues_name(char c);
/// Binding strength of a binary operator, 0 where it is none; R's table.
int binary_strength(std::string_view op);
constexpr int tilde_strength = 5, not_strength = 8, comparison_strength = 9, unary_strength = 14, power_strength = 15;

/// One line: "in 'SOURCE': MESSAGE at character N (here: '...>>>...')".
std::string located(std::string_view source, std::size_t position, const std::string& message);

}  // namespace rxhpc::impl
