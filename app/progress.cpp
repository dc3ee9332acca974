#include "progress.hpp"

#include <unistd.h>

#include <cmath>
#include <cstdio>

#include "session.hpp"

namespace rxhpc::app {

ProgressReport::ProgressReport(std::string verb, int level, int ranks)
    : verb_(std::move(verb)), level_(level), ranks_(ranks), terminal_(isatty(STDERR_FILENO) != 0),
      start_(std::chrono::steady_clock::now()), last_(start_) {}

/// A bar moves five times a second; a log gets a line every ten seconds.
bool ProgressReport::due() {
  auto const now = std::chrono::steady_clock::now();
  if (std::chrono::duration<double>(now - last_).count() < (terminal_ ? 0.2 : 10.0)) return false;
  last_ = now;
  return true;
}

void ProgressReport::show(const Progress& p) {
  if (level_ == 0 || p.rows_total <= 0 || !due()) return;
  double const seconds = std::chrono::duration<double>(last_ - start_).count();
  double const share = static_cast<double>(p.rows_done) / static_cast<double>(p.rows_total);
  auto const rate = rounded_count(static_cast<double>(p.rows_done) * ranks_ / seconds);
  auto const pass = p.pass > 1 ? ", pass " + std::to_string(p.pass) : std::string();
  if (terminal_) {
    int const width = 30, full = static_cast<int>(share * width);
    std::fprintf(stderr, "\r%s [%s%s] %3.0f %%  %s rows/s%s\033[K", verb_.c_str(), std::string(full, '#').c_str(),
                 std::string(width - full, '.').c_str(), 100 * share, rate.c_str(), pass.c_str());
    std::fflush(stderr);
    drawn_ = true;
  } else {
    std::fprintf(stderr, "rxhpc %s: %.0f %% of the rows, %s rows/s%s\n", verb_.c_str(), 100 * share, rate.c_str(), pass.c_str());
  }
}

void ProgressReport::show_bytes(std::int64_t rows, std::int64_t bytes) {
  if (level_ == 0 || !due()) return;
  double const seconds = std::chrono::duration<double>(last_ - start_).count();
  auto const rate = rounded_count(static_cast<double>(rows) * ranks_ / seconds);
  double const megabytes = static_cast<double>(bytes) * ranks_ / 1e6;
  if (terminal_) {
    std::fprintf(stderr, "\r%s %.0f MB  %s rows/s\033[K", verb_.c_str(), megabytes, rate.c_str());
    std::fflush(stderr);
    drawn_ = true;
  } else {
    std::fprintf(stderr, "rxhpc %s: %.0f MB, %s rows/s\n", verb_.c_str(), megabytes, rate.c_str());
  }
}

void ProgressReport::clear() {
  if (drawn_) std::fprintf(stderr, "\r\033[K");
  drawn_ = false;
}

void ProgressReport::close(const JobTiming& t) {
  clear();
  if (level_ < 2) return;
  double const seconds = std::max(t.total_s, 1e-9);
  std::fprintf(stderr, "rxhpc %s: %s rows in %.3f s (%s rows/s", verb_.c_str(), with_commas(t.rows).c_str(), t.total_s,
               rounded_count(static_cast<double>(t.rows) / seconds).c_str());
  if (t.bytes > 0) std::fprintf(stderr, ", %.2f GB/s", static_cast<double>(t.bytes) / seconds / 1e9);
  std::fprintf(stderr, ")\n");
  if (level_ > 2)
    std::fprintf(stderr, "rxhpc %s: reading %.3f s, computing %.3f s, merging %.3f s\n", verb_.c_str(), t.read_s, t.compute_s, t.merge_s);
}

std::string with_commas(std::int64_t n) {
  auto digits = std::to_string(n);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > (n < 0 ? 1 : 0); at -= 3) digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

std::string rounded_count(double n) {
  char text[48];
  if (n >= 1e9)
    std::snprintf(text, sizeof text, "%.2f billion", n / 1e9);
  else if (n >= 1e6)
    std::snprintf(text, sizeof text, "%.1f million", n / 1e6);
  else
    return with_commas(std::llround(n));
  return text;
}

}  // namespace rxhpc::app
