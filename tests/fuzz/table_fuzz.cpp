// The bytes of a table file, damaged anywhere: rows that are given out are those that were written, or there is a DataError.
#include <unistd.h>

#include <cstdio>
#include <string>

#include "rxhpc/errors.hpp"
#include "rxhpc/self_communicator.hpp"
#include "rxhpc/table.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace rxhpc;
  static std::string const path = "/tmp/rxhpc_table_fuzz_" + std::to_string(::getpid()) + ".h5";
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  if (!file) return 0;
  std::fwrite(data, 1, size, file);
  std::fclose(file);
  try {
    SelfCommunicator comm;
    auto const source = open_table(path, comm);
    std::vector<int> columns(source->schema().size());
    for (std::size_t k = 0; k < columns.size(); ++k) columns[k] = static_cast<int>(k);
    Chunk chunk;
    for (std::int64_t c = 0; c < source->grid().chunks(); ++c) source->read(c, columns, chunk);
  } catch (const Error&) {
  }
  std::remove(path.c_str());
  return 0;
}
