// One table file being written by one process.
#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "atomic_file.hpp"
#include "codec_chunk.hpp"
#include "hdf5_handle.hpp"
#include "raw_columns.hpp"
#include "table_index.hpp"
#include "table_layout.hpp"

namespace rxhpc::impl {

/// One column of one chunk as it will be stored.
struct EncodedColumn {
  ZoneMoments zone;
  std::vector<std::int64_t> level_counts;
  std::uint64_t hash = 0;
  std::span<const unsigned char> bytes;  ///< into `owned`, or the caller's memory, or nothing once stored
  Buffer owned;
};

/// Writes the file `path`; errors name `name`. Chunks come in any order from any thread; the file's bytes do not depend on the
/// order: unfiltered columns have their places beforehand, compressed chunks are written in the order of their numbers.
class TableWriter {
 public:
  /// `image` brings schema, rows, chunk_rows and codec; `first_row` is the global number of its first row.
  TableWriter(std::string path, std::string name, TableImage image, std::int64_t first_row, const std::string& description);
  ~TableWriter();
  TableWriter(const TableWriter&) = delete;
  TableWriter& operator=(const TableWriter&) = delete;

  /// The file's columns, to be written from any thread; null where they are compressed, or there are no rows.
  RawColumns* raw_columns() { return columns_.get(); }
  /// Takes note of a whole chunk; compressed bytes are written now or once the chunks before it are there.
  /// True for exactly one caller: the one whose chunk was the last to come.
  bool put(std::int64_t chunk, std::vector<EncodedColumn> columns);
  bool has_all_chunks() const { return chunks_seen_ == image_.chunk_count(); }
  /// Row numbers, metadata, the mark of completeness; closes the file. Throws where a chunk is absent.
  void complete();
  /// The metadata's hash, once complete.
  std::uint64_t stored_hash() const { return stored_hash_; }

 private:
  struct Spooled {
    std::vector<EncodedColumn> columns;
    std::vector<StoredChunk> places;  ///< in the spool file; empty: in memory
    std::size_t in_memory = 0;        ///< bytes counted in waiting_bytes_
  };
  void create(const std::string& description);
  void create_column(std::size_t column, hid_t data);
  Handle create_dataset(hid_t parent, const char* name, hid_t type, std::size_t value_bytes, Codec codec, std::int64_t rows);
  void write_in_order(std::int64_t chunk, std::vector<EncodedColumn>& columns);
  void spool(Spooled& entry);
  void write_row_numbers(hid_t data);
  void find_addresses();
  void write_metadata();
  void put_array(hid_t group, const std::string& name, hid_t type, const std::vector<hsize_t>& shape, const void* values);

  std::string path_, name_;
  TableImage image_;
  std::int64_t first_row_, stored_rows_;  ///< stored_rows_: rows of an HDF5 chunk
  FileDescriptor raw_;                    ///< the same file, for bytes whose place is known
  Handle file_;
  std::unique_ptr<RawColumns> columns_;   ///< Codec::none
  std::vector<Handle> datasets_;
  std::vector<ArrayPlace> metadata_;      ///< where it was written, as append_index wants it
  std::uint64_t stored_hash_ = 0;
  std::atomic<std::int64_t> chunks_seen_{0};

  std::mutex mutex_;                      ///< guards what follows
  std::map<std::int64_t, Spooled> waiting_;
  std::int64_t next_chunk_ = 0;
  std::size_t waiting_bytes_ = 0;
  FileDescriptor spool_;
  std::uint64_t spool_end_ = 0;
  std::vector<char> seen_;
};

}  // namespace rxhpc::impl
