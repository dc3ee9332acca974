// Turns a tile of a design into the weighted tile of one step of a generalised linear model.
#pragma once
#include <vector>

#include "cross_layout.hpp"
#include "glm_rows.hpp"
#include "rxhpc/glm_step.hpp"

namespace rxhpc::impl {

/// Work of one thread on one chunk. Adds to `sums` and `counts` of its step.
class GlmTile final : public TileTransform {
 public:
  GlmTile(const GlmStepSpec& spec, const CrossLayout& layout, GlmSums& sums, std::int64_t* counts);
  DesignTile apply(const DesignTile& tile) override;

 private:
  void predict(const DesignTile& tile, double* eta);
  void predict_exactly(const DesignTile& tile, double* eta);
  void start_from_response(const DesignTile& tile, double* eta);
  void add_constants(const DesignTile& tile);
  void count_fractions(const DesignTile& tile);
  void add_perfect_poisson(const DesignTile& tile);
  void add_row_likelihood(const DesignTile& tile);
  void add_null(const DesignTile& tile);
  void add_theta(const DesignTile& tile);
  const double* offset(const DesignTile& tile) const { return spec_.has_offset ? tile.values[plan_.carried[0]] : nullptr; }
  double* buffer(int k) { return storage_.data() + std::size_t(k) * plan_.tile_rows; }

  const GlmStepSpec& spec_;
  const DesignPlan& plan_;
  GlmSums& sums_;
  std::int64_t* counts_;
  bool exact_;
  /// eta = sum over dense of dense_beta_ times the column, then one cell of each table
  std::vector<DD> dense_beta_;
  struct Table {
    int key, value;  ///< cells of this key; value -1: 1
    std::size_t first;
  };
  std::vector<Table> tables_;
  std::vector<double> storage_;
  std::vector<const double*> dense_;
  const double *y_ = nullptr, *prior_ = nullptr;
  MuRows at_{};
  std::vector<DD> rising_;  ///< negative binomial: sums over k < y of 1/(theta+k), its squares and ln(theta+k), three a y
};

}  // namespace rxhpc::impl
