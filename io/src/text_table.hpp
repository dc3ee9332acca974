// A text as a table: what the bytes hold, what a first pass has learned of them, and chunks made from both.
#pragma once
#include <functional>
#include <mutex>
#include <optional>

#include "rxhpc/chunk_source.hpp"
#include "text_parse.hpp"

namespace rxhpc::impl {

using TextProgress = std::function<void(std::int64_t, std::int64_t)>;

/// A parsed column that is kept until it is written.
struct KeptColumn {
  ParsedColumn parsed;
  std::vector<std::int32_t> codes;  ///< the chunk's own codes → this rank's
  bool kept = false;
};

/// What the learning pass finds and keeps, over this rank's share of the chunks.
struct Learning {
  Share share;
  std::vector<std::vector<ColumnFacts>> facts;    ///< [chunk of the share][column]
  std::vector<std::vector<char>> usable;          ///< [chunk of the share][column]
  std::vector<std::vector<KeptColumn>> kept;      ///< [chunk of the share][column]; empty where nothing is kept
  std::vector<std::unique_ptr<Dictionary>> words; ///< [column] this rank's texts in row order
  std::vector<std::unique_ptr<std::atomic<bool>>> too_many;
};

class TextTable final : public ChunkSource {
 public:
  /// Collective: opens, indexes and learns. `zone` may be empty.
  TextTable(const std::string& path, const TextOptions& options, Communicator& comm, const TextProgress& progress);

  const Schema& schema() const override { return schema_; }
  const Grid& grid() const override { return index_.grid; }
  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override;
  const ZoneMap* zone_map() const override { return zone_ ? &*zone_ : nullptr; }
  std::int64_t stored_bytes(std::int64_t chunk, std::span<const int>) const override { return index_.begin[chunk + 1] - index_.begin[chunk]; }
  std::int64_t held_bytes(std::span<const int> columns) const override { return grid().longest() * schema_.row_bytes(columns); }

  int threads() const { return threads_; }
  const Share& share() const { return learning_.share; }
  /// Drops the kept values of a chunk that is not read again; safe beside reads of other chunks.
  void release(std::int64_t chunk);
  /// Collective: computes the zone map from the chunks of every rank.
  void make_zone_map(const ZoneFunction& zone, Communicator& comm);

 private:
  struct Scratch;
  struct Pass;  // one learning pass (text_learn.cpp)
  void learn(const TextOptions& options, Communicator& comm, const TextProgress& progress);
  std::vector<Kind> sampled_kinds() const;
  void learn_columns(const std::vector<int>& columns, const std::vector<ParseTask>& tasks, const TextProgress& progress);
  std::vector<Kind> agreed_kinds(Communicator& comm) const;
  std::vector<int> columns_to_learn_again(const std::vector<Kind>& kinds, Communicator& comm) const;
  std::vector<ColumnFacts> agreed_facts(const std::vector<Kind>& kinds, Communicator& comm) const;
  void agree_words(const std::vector<VarType>& types, const TextOptions& options, Communicator& comm);
  void set_final_tasks();
  void read(std::int64_t chunk, std::span<const int> columns, bool first_bytes, Chunk& out) const;
  const KeptColumn* kept_for(std::int64_t chunk, int column) const;
  Column finished(int column, const ParsedColumn& parsed, const std::vector<std::int32_t>* rank_codes, std::int64_t rows, Buffer& buffer) const;

  std::shared_ptr<const TextBytes> text_;
  TextHeader header_;
  TextIndex index_;
  ParseSettings settings_;
  std::vector<ColumnRule> rules_;
  int threads_ = 1;
  std::int64_t keep_bytes_ = 0;  ///< how much of the parsed columns may be kept
  Learning learning_;
  // Final.
  Schema schema_;
  std::vector<ParseTask> tasks_;
  std::vector<std::unique_ptr<Dictionary>> words_;          ///< [column] all texts, in row order
  std::vector<std::vector<std::int32_t>> word_codes_;       ///< ... and their levels
  std::vector<std::vector<std::int32_t>> rank_codes_;       ///< this rank's texts → levels
  std::vector<char> wide_;                                  ///< text of fixed length
  std::optional<ZoneMap> zone_;
};

}  // namespace rxhpc::impl
