#include "compile_graph.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace rxhpc::impl {

int RowGraph::intern(std::vector<double> data) {
  std::vector<std::uint64_t> key(data.size());
  // Bits: NA, NaN and signed zeros are constants of their own.
  std::transform(data.begin(), data.end(), key.begin(), [](double x) { return std::bit_cast<std::uint64_t>(x); });
  auto const [at, fresh] = known_data_.try_emplace(std::move(key), static_cast<int>(data_.size()));
  if (fresh) data_.push_back(std::move(data));
  return at->second;
}

int RowGraph::insert(const Node& n) {
  auto const [at, fresh] =
      known_.try_emplace(std::tuple{static_cast<int>(n.op), n.a, n.b, n.c, n.column, n.data}, static_cast<int>(nodes_.size()));
  if (fresh) nodes_.push_back(n);
  return at->second;
}

int RowGraph::constant(double x) { return insert({RowOp::constant, -1, -1, -1, -1, intern({x})}); }
int RowGraph::load(RowOp op, int column) { return insert({op, -1, -1, -1, column, -1}); }

int RowGraph::text_code(int column, Texts texts) {
  std::sort(texts.begin(), texts.end());
  texts_.push_back(std::move(texts));
  return insert({RowOp::text_code, -1, -1, -1, column, static_cast<int>(texts_.size()) - 1});
}

int RowGraph::add(RowOp op, int a, int b, int c, std::vector<double> data) {
  auto const foldable = [&](int operand) { return operand < 0 || is_constant(operand); };
  int const node = insert({op, a, b, c, -1, data.empty() ? -1 : intern(std::move(data))});
  if (op == RowOp::row_number || !foldable(a) || !foldable(b) || !foldable(c)) return node;
  auto const one = cut(std::array{node});
  RowMachine machine;
  machine.prepare(one.program);
  machine.run({}, 0, 1, 0);
  return constant(*machine.values(one.outputs[0]));
}

CutProgram RowGraph::cut(std::span<const int> wanted) const {
  // Operands come before their users: one sweep down finds what is needed, one up hands out registers.
  std::vector<int> last_use(nodes_.size(), -1), reg(nodes_.size(), -1);
  constexpr int never_freed = 1 << 30;
  for (int node : wanted) last_use[static_cast<std::size_t>(node)] = never_freed;
  for (int i = static_cast<int>(nodes_.size()) - 1; i >= 0; --i) {
    auto const& n = nodes_[static_cast<std::size_t>(i)];
    if (last_use[static_cast<std::size_t>(i)] < 0) continue;
    for (int operand : {n.a, n.b, n.c})
      if (operand >= 0) last_use[static_cast<std::size_t>(operand)] = std::max(last_use[static_cast<std::size_t>(operand)], i);
  }
  CutProgram result;
  auto& program = result.program;
  std::map<int, int> data_place, text_place;
  std::vector<int> free;
  for (int i = 0; i < static_cast<int>(nodes_.size()); ++i) {
    auto const& n = nodes_[static_cast<std::size_t>(i)];
    if (last_use[static_cast<std::size_t>(i)] < 0) continue;
    RowInstruction instruction;
    instruction.op = n.op;
    // A register of a constant is filled before the program runs: it is nobody else's.
    if (!free.empty() && n.op != RowOp::constant) {
      instruction.out = free.back();
      free.pop_back();
    } else {
      instruction.out = program.registers++;
    }
    reg[static_cast<std::size_t>(i)] = instruction.out;
    auto const use = [&](int operand) { return operand < 0 ? -1 : reg[static_cast<std::size_t>(operand)]; };
    instruction.a = use(n.a), instruction.b = use(n.b), instruction.c = use(n.c);
    if (n.column >= 0) {
      auto const at = std::find(result.columns.begin(), result.columns.end(), n.column);
      instruction.column = static_cast<int>(at - result.columns.begin());
      if (at == result.columns.end()) result.columns.push_back(n.column);
    }
    if (n.op == RowOp::text_code) {
      auto const [at, fresh] = text_place.try_emplace(n.data, static_cast<int>(program.texts.size()));
      if (fresh) program.texts.push_back(texts_[static_cast<std::size_t>(n.data)]);
      instruction.data = at->second;
    } else if (n.data >= 0) {
      auto const [at, fresh] = data_place.try_emplace(n.data, static_cast<int>(program.data.size()));
      if (fresh) program.data.push_back(data_[static_cast<std::size_t>(n.data)]);
      instruction.data = at->second;
    }
    int operands[3] = {n.a, n.b, n.c};
    std::sort(operands, operands + 3);
    int const* const end = std::unique(operands, operands + 3);
    for (int const* p = operands; p != end; ++p)
      if (*p >= 0 && last_use[static_cast<std::size_t>(*p)] == i && nodes_[static_cast<std::size_t>(*p)].op != RowOp::constant)
        free.push_back(reg[static_cast<std::size_t>(*p)]);
    program.code.push_back(instruction);
  }
  for (int node : wanted) result.outputs.push_back(reg[static_cast<std::size_t>(node)]);
  return result;
}

}  // namespace rxhpc::impl
