// Rows per second while a job runs: a bar on a terminal, plain lines in a batch log.
#pragma once
#include <chrono>
#include <string>

#include "rxhpc/sweep.hpp"

namespace rxhpc::app {

struct JobTiming;

/// Shown by rank 0, whose share of the rows stands for all. Everything goes to standard error.
class ProgressReport {
 public:
  /// `level` as in --report-progress; 0 for ranks that show nothing.
  ProgressReport(std::string verb, int level, int ranks);
  void show(const Progress& p);
  /// For passes whose length is not known beforehand.
  void show_bytes(std::int64_t rows, std::int64_t bytes);
  /// Takes the bar away and prints the closing line.
  void close(const JobTiming& timing);
  void clear();
  int level() const { return level_; }

 private:
  bool due();

  std::string verb_;
  int level_, ranks_;
  bool terminal_, drawn_ = false;
  std::chrono::steady_clock::time_point start_, last_;
};

/// `1,234,567`
std::string with_commas(std::int64_t n);
/// `12.3 million`, `4,567`
std::string rounded_count(double n);

}  // namespace rxhpc::app
