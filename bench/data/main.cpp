// bench_data TABLE OUTPUT.csv [--rows N | --megabytes M] [--seed S]: the same file for any number of threads.
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tables.hpp"

namespace {

using bench::Table;

constexpr std::uint64_t block_rows = 16384;

struct Request {
  const Table* table = nullptr;
  std::string output;
  std::uint64_t rows = 0, megabytes = 0, seed = 20240229;
};

std::string usage() {
  std::string text = "usage: bench_data TABLE OUTPUT.csv [--rows N | --megabytes M] [--seed S]\n";
  for (auto const& t : bench::tables()) text += "  " + std::string(t.name) + ": " + std::string(t.description) + "\n";
  return text;
}

std::uint64_t whole(const char* option, const char* text) {
  std::uint64_t value = 0;
  auto const* end = text + std::strlen(text);
  if (auto const r = std::from_chars(text, end, value); r.ec != std::errc() || r.ptr != end)
    throw std::invalid_argument(std::string(option) + ": '" + text + "' is not a whole number");
  return value;
}

Request request_of(int argc, char** argv) {
  Request r;
  if (argc < 3 || argc % 2 == 0) throw std::invalid_argument(usage());
  for (auto const& t : bench::tables())
    if (t.name == argv[1]) r.table = &t;
  if (!r.table) throw std::invalid_argument("no table '" + std::string(argv[1]) + "'\n" + usage());
  r.output = argv[2];
  for (int i = 3; i < argc; i += 2) {
    std::string const option = argv[i];
    if (option == "--rows")
      r.rows = whole("--rows", argv[i + 1]);
    else if (option == "--megabytes")
      r.megabytes = whole("--megabytes", argv[i + 1]);
    else if (option == "--seed")
      r.seed = whole("--seed", argv[i + 1]);
    else
      throw std::invalid_argument("unknown option " + option + "\n" + usage());
  }
  if (r.rows == 0 && r.megabytes == 0) r.rows = r.table->rows, r.megabytes = r.table->megabytes;
  return r;
}

/// Blocks of rows are made by all threads and written in order. With a size instead of a row count the file ends with the first
/// whole block that reaches it.
std::uint64_t write_table(const Request& r, std::FILE* file) {
  bench::Random const random(r.seed);
  auto const threads = std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::unique_ptr<char[]>> buffers(threads);
  for (auto& b : buffers) b = std::make_unique<char[]>(block_rows * bench::most_bytes_of_row);
  std::vector<std::size_t> sizes(threads);
  std::uint64_t written = r.table->header.size(), done = 0;
  auto const put = [&](const char* data, std::size_t size) {
    if (std::fwrite(data, 1, size, file) != size) throw std::runtime_error(r.output + ": " + std::strerror(errno));
  };
  auto const finished = [&] { return r.rows ? done >= r.rows : written >= r.megabytes * 1000000; };
  put(r.table->header.data(), r.table->header.size());
  while (!finished()) {
    std::vector<std::thread> workers;
    for (unsigned t = 0; t < threads; ++t)
      workers.emplace_back([&, t, first = done + t * block_rows] {
        auto const last = r.rows ? std::min(r.rows, first + block_rows) : first + block_rows;
        bench::Line line(buffers[t].get());
        for (auto row = first; row < last; ++row) r.table->write_row(line, random, row);
        sizes[t] = static_cast<std::size_t>(line.at() - buffers[t].get());
      });
    for (auto& w : workers) w.join();
    for (unsigned t = 0; t < threads && !finished(); ++t) {
      put(buffers[t].get(), sizes[t]);
      written += sizes[t];
      done += r.rows ? std::min(block_rows, r.rows - done) : block_rows;
    }
  }
  return done;
}

}  // namespace

int main(int argc, char** argv) try {
  auto const request = request_of(argc, argv);
  auto const partial = request.output + ".partial";
  std::FILE* file = std::fopen(partial.c_str(), "wb");
  if (!file) throw std::runtime_error(partial + ": " + std::strerror(errno));
  auto const rows = write_table(request, file);
  if (std::fclose(file) != 0 || std::rename(partial.c_str(), request.output.c_str()) != 0)
    throw std::runtime_error(request.output + ": " + std::strerror(errno));
  std::printf("%llu\n", static_cast<unsigned long long>(rows));
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "bench_data: %s\n", e.what());
  return 1;
}
