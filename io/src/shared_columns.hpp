// One file that several processes of a node write.
#pragma once
#include <memory>
#include <string>

#include "posix_file.hpp"
#include "raw_columns.hpp"
#include "rxhpc/communicator.hpp"

namespace rxhpc::impl {

struct SharedColumns {
  FileDescriptor file;
  RawColumns columns;
};

/// Collective. Rank 0 has made the file `path`, and writes its columns (null: they have no places yet). Ranks on its node, which see the file through the same kernel's
/// memory, get them, too, and write their chunks themselves instead of sending them; others get null.
std::unique_ptr<SharedColumns> share_columns(RawColumns* columns, const std::string& path, const std::string& name, Communicator& comm);

}  // namespace rxhpc::impl
