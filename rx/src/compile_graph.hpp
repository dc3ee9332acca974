// The expressions of one source as a graph of instructions, each value computed once; programs are cut out of it.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "rxhpc/row_program.hpp"

namespace rxhpc::impl {

/// A program for some nodes of a graph: `columns` are the base's positions in the order of the program's column numbers,
/// `outputs` the registers of the nodes asked for.
struct CutProgram {
  RowProgram program;
  std::vector<int> columns, outputs;
};

class RowGraph {
 public:
  using Texts = std::vector<std::pair<std::string, double>>;

  /// The node of that operation; an equal one that exists already, a constant where all operands are constants.
  int add(RowOp op, int a = -1, int b = -1, int c = -1, std::vector<double> data = {});
  int load(RowOp op, int column);
  int text_code(int column, Texts texts);
  int constant(double x);
  bool is_constant(int node) const { return nodes_[static_cast<std::size_t>(node)].op == RowOp::constant; }
  double constant_value(int node) const { return data_[static_cast<std::size_t>(nodes_[static_cast<std::size_t>(node)].data)][0]; }

  CutProgram cut(std::span<const int> nodes) const;

 private:
  struct Node {
    RowOp op;
    int a = -1, b = -1, c = -1, column = -1, data = -1;
  };
  std::vector<Node> nodes_;
  std::vector<std::vector<double>> data_;
  std::vector<Texts> texts_;
  std::map<std::tuple<int, int, int, int, int, int>, int> known_;
  std::map<std::vector<std::uint64_t>, int> known_data_;

  int insert(const Node& node);
  int intern(std::vector<double> data);
};

}  // namespace rxhpc::impl
