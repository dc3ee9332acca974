// A column's values in the storage of its variable, one after the other.
#pragma once
#include <cstdint>

#include "codec_chunk.hpp"
#include "rxhpc/column.hpp"

namespace rxhpc::impl {

/// True where the column's memory is already what would be stored.
bool stored_as_is(const Variable& v, const Column& column);
/// `rows` values in v's storage, then missing ones up to `length`, into `out`. Throws Error where a value does not fit.
void convert(const Variable& v, const Column& column, std::int64_t rows, std::int64_t length, Buffer& out);
/// Gives every NA among the doubles R's own pattern; false where nothing had to be done and `out` is untouched.
bool normalise_na(const void* values, std::int64_t rows, Buffer& out);

}  // namespace rxhpc::impl
