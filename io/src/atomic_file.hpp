// Outputs that appear whole or not at all: written under a temporary name beside their place, then renamed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "posix_file.hpp"
#include "rxhpc/communicator.hpp"

namespace rxhpc::impl {

/// The temporary name of an output in the directory of its place. Removed unless `publish` was reached; known to
/// discard_unfinished_outputs() meanwhile.
class TemporaryOutput {
 public:
  TemporaryOutput() = default;
  /// The final path must not end in '/'. Nothing is created.
  explicit TemporaryOutput(std::string final_path);
  TemporaryOutput(TemporaryOutput&& other) noexcept;
  TemporaryOutput& operator=(TemporaryOutput&& other) noexcept;
  ~TemporaryOutput() { discard(); }
  const std::string& path() const { return temporary_; }
  const std::string& final_path() const { return final_; }
  /// Synchronises a file, then renames; a directory takes the place of an older one, which is removed. `commit`: this is the job's
  /// output (see committed_output), not a piece of it; `fresh`: nothing is replaced. Throws DataError where a watched place is no longer what it was.
  void publish(bool commit = false, bool fresh = false);
  void discard() noexcept;

 private:
  std::string final_, temporary_;
};

/// Collective. Rank 0 runs `publish`, which renames the job's output `path`; from then on no rank ends by a signal.
void commit_together(Communicator& comm, const std::string& path, const std::function<void()>& publish);

/// The bytes in a file, renamed into place as `publish` does.
void publish_bytes(const std::string& path, std::string_view bytes, bool commit, bool fresh);

/// Takes note of what is at `path`, for `publish` and for refuse_changed, which throws where it is something else by now.
void watch(const std::string& path);
void refuse_changed(const std::string& path);

/// Throws UsageError naming --overwrite where something of that name exists.
void refuse_existing(const std::string& path, bool overwrite);

}  // namespace rxhpc::impl
