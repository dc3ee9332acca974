// The kinds of failure, one type each. The program's exit status follows from the type (contract: 2 usage, 3 data, 4 numerical).
#pragma once
#include <exception>
#include <stdexcept>
#include <string>

namespace rxhpc {

enum class ErrorKind : int { other = 1, usage = 2, data = 3, numerical = 4 };

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

/// The caller's mistake: an option, a formula, an unknown column. Names the argument.
class UsageError : public Error {
 public:
  explicit UsageError(const std::string& message) : Error(ErrorKind::usage, message) {}
};

/// Something is wrong with the data: missing, damaged, malformed. Names the file and the line, row or data set.
class DataError : public Error {
 public:
  explicit DataError(const std::string& message) : Error(ErrorKind::data, message) {}
};

/// No answer exists or none was reached.
class NumericalError : public Error {
 public:
  explicit NumericalError(const std::string& message) : Error(ErrorKind::numerical, message) {}
};

inline ErrorKind error_kind(const std::exception& e) {
  auto const* ours = dynamic_cast<const Error*>(&e);
  return ours ? ours->kind() : ErrorKind::other;
}

/// What an exception says, without the tag in brackets that the JSON library puts before it.
inline std::string reason_of(const std::exception& e) {
  std::string const what = e.what();
  auto const end = what.find("] ");
  return what.starts_with("[json.exception.") && end != std::string::npos ? what.substr(end + 2) : what;
}

/// Throws the error of that kind again, on a rank that only heard of it.
[[noreturn]] inline void throw_error(ErrorKind kind, const std::string& message) {
  switch (kind) {
    case ErrorKind::usage: throw UsageError(message);
    case ErrorKind::data: throw DataError(message);
    case ErrorKind::numerical: throw NumericalError(message);
    default: throw Error(ErrorKind::other, message);
  }
}

}  // namespace rxhpc
