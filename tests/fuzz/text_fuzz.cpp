// Any bytes are a table or a DataError. Built by a fuzzer that supplies `main` (clang++ -fsanitize=fuzzer), or with replay_main.cpp to run
// saved inputs again. The first byte chooses the options, the rest is the text.
#include <unistd.h>

#include <cstdio>
#include <string>

#include "rxhpc/errors.hpp"
#include "rxhpc/self_communicator.hpp"
#include "rxhpc/text.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace rxhpc;
  if (size == 0) return 0;
  static std::string const path = "/tmp/rxhpc_text_fuzz_" + std::to_string(::getpid()) + ".csv";
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  if (!file) return 0;
  std::fwrite(data + 1, 1, size - 1, file);
  std::fclose(file);
  TextOptions options;
  options.threads = 1;
  options.chunk_rows = 1 + data[0] % 7;
  options.first_row_is_names = (data[0] & 8) != 0;
  options.sort_levels = (data[0] & 16) != 0;
  if (data[0] & 32) options.missing_strings = {"1", "a"};
  try {
    SelfCommunicator comm;
    auto const source = open_text(path, options, {}, comm);
    std::vector<int> columns(source->schema().size());
    for (std::size_t k = 0; k < columns.size(); ++k) columns[k] = static_cast<int>(k);
    Chunk chunk;
    for (std::int64_t c = 0; c < source->grid().chunks(); ++c) source->read(c, columns, chunk);
  } catch (const DataError&) {
  }
  std::remove(path.c_str());
  return 0;
}
