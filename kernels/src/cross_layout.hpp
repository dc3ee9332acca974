// Where each number of the state of CrossProducts lies.
#pragma once
#include <cstdint>
#include <vector>

#include "design_tile.hpp"

namespace rxhpc::impl {

/// The sums of one key, [cells x width]: its members times the dense columns, then its members times one another.
struct CellTable {
  struct Entry {
    int left;    ///< position in values; -1: no numeric part, the entry is the dense column itself
    int right;   ///< position in dense, or in values where `inner`
    bool inner;  ///< product of two members of the key
  };
  std::vector<Entry> entries;
  int width = 0;            ///< entries, padded so that a cell is whole vectors
  std::size_t sums = 0;     ///< begin, in hi and lo
  std::size_t counts = 0;   ///< begin of the rows of each cell, in counts
  int members = 0, dense = 0;
  int plain_member = -1;    ///< the member without numeric columns
  bool counted = false;     ///< rows of cells are kept in counts; otherwise the plain member's sums of the constant are the rows
  bool only_dense() const { return members == 1 && plain_member == 0; }

  std::size_t member_dense(std::int64_t cell, int member, int dense_column) const {
    return sums + std::size_t(cell) * width + std::size_t(member) * dense + dense_column;
  }
  /// member_a <= member_b, both with a numeric part; -1 where no such entry exists
  std::vector<int> inner;   ///< [members x members] position of the entry
};

/// The joint sums of two keys, per pair of members [cells_a x cells_b], b fastest.
struct JointTable {
  int a = 0, b = 0;          ///< keys, a < b
  struct Pair {
    int left, right;         ///< values of a's and b's member, -1: 1
    bool counted;            ///< plain rows: int64 in counts instead of doubles in hi
    std::size_t at;
  };
  std::vector<Pair> pairs;   ///< [members_a x members_b]
  std::int64_t cells_b = 0;
};

/// counts: valid, missing, infinite, negative rows; the rows of each cell of each key; joint counts.
/// hi (and lo): upper triangle of the dense block; cell tables; joint sums.
struct CrossLayout {
  CrossProductSpec spec;
  DesignPlan plan;
  std::vector<CellTable> cell_tables;    ///< [keys]
  std::vector<JointTable> joint_tables;  ///< every pair of keys
  std::size_t counts = 4, sums = 0;
  bool exact = false, weighted = false;

  explicit CrossLayout(CrossProductSpec s);
  std::size_t dense_at(int i, int j) const {
    std::size_t const n = plan.dense.size(), a = std::size_t(i < j ? i : j), b = std::size_t(i < j ? j : i);
    return a * n - a * (a - 1) / 2 + (b - a);
  }
  std::size_t packed() const { return counts + sums * (exact ? 2 : 1); }
};

/// Adds tiles to the cell and joint tables. Not all goes there at once, so `flush` comes after the last tile of a chunk: small keys are
/// summed in the cells of all of them together, one addition a row instead of one a key and no joint counts between them, and other
/// small joint counts in 16 bits, so that they stay in the first cache. Margins are taken in the order of the cells.
class CellSums {
 public:
  explicit CellSums(const CrossLayout& layout);
  CellSums(const CellSums&) = delete;
  void add(const DesignTile& tile, std::int64_t* counts, double* hi, double* lo);
  void flush(std::int64_t* counts, double* hi, double* lo);
  /// Forgets what has not been flushed.
  void clear();

 private:
  /// Keys without numeric parts that are summed as one.
  struct Group {
    std::vector<int> keys;
    std::vector<int> joint;  ///< tables of the pairs among them
    std::int64_t cells = 1;
    std::vector<double> hi, lo;
    std::vector<std::int64_t> counts;
  };
  struct ShortCounts {
    int table;
    std::size_t at;          ///< begin in the state's counts
    std::vector<std::uint16_t> rows;
  };
  void make_groups();
  void make_short_counts();
  void add_group(Group& group, const DesignTile& tile);
  void flush_group(Group& group, std::int64_t* counts, double* hi, double* lo);
  void flush_short(std::int64_t* counts);
  void add_rows(const CellTable& table, const std::int32_t* cell, const DesignTile& tile, std::int64_t* counts, double* hi, double* lo);
  void interleave(const CellTable& table, const DesignTile& tile);
  void add_joint(const JointTable& table, const DesignTile& tile, std::int64_t* counts, double* hi, double* lo);

  const CrossLayout& layout_;
  std::vector<Group> groups_;
  std::vector<ShortCounts> short_;
  std::vector<char> key_done_, joint_done_;  ///< [keys], [joint tables] those that groups and short counts see to
  int short_rows_ = 0;
  std::vector<std::int32_t> cell_;
  std::vector<double> row_, row_error_, column_, column_error_, zeros_;
  bool row_has_error_ = false, row_is_dense_ = false;  // what row_ holds: the entries of a table whose only member is plain?
};

}  // namespace rxhpc::impl
