// Writing tables: every rank encodes its chunks, the rank that owns a file writes it.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <set>
#include <utility>

#include "parts_manifest.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/table.hpp"
#include "shared_columns.hpp"
#include "table_convert.hpp"
#include "table_writer.hpp"

namespace rxhpc {
namespace impl {
namespace {

constexpr std::int64_t default_part_chunks = 64;

std::int64_t missing_texts(const Column& c, std::int64_t rows) {
  std::int64_t missing = 0;
  for (std::int64_t i = 0; i < rows; ++i) missing += static_cast<const char*>(c.data)[i * c.stride] == '\0';
  return missing;
}

struct EncodeScratch {
  ChunkEncoder encoder;
  Buffer values, normalised;
};

// What the caller asked for, the same on every rank.
struct Plan {
  std::string path;             ///< as given, without the '/' of a directory
  TableImage table;             ///< schema, rows, chunk_rows, codec of what is written now
  std::int64_t part_chunks = 0; ///< 0: one file
  std::string description, directory;  ///< directory: where the part files are made
  Manifest before;              ///< appending: what is there already
  bool append = false, passing = false;

  std::int64_t part_of(std::int64_t chunk) const { return part_chunks == 0 ? 0 : chunk / part_chunks; }
  std::int64_t first_chunk(std::int64_t part) const { return part * part_chunks; }
  std::int64_t parts() const {
    return part_chunks == 0 ? 1 : std::max<std::int64_t>(1, (table.chunk_count() + part_chunks - 1) / part_chunks);
  }
  std::int64_t rows_of_part(std::int64_t part) const {
    if (part_chunks == 0) return table.rows;
    auto const length = part_chunks * table.chunk_rows;
    return std::min(length, table.rows - part * length);
  }
  std::string file_of_part(std::int64_t part) const {
    return (std::filesystem::path(directory) / part_name(before.parts.size() + static_cast<std::size_t>(part))).string();
  }
};

class TableSink final : public ChunkSink {
 public:
  TableSink(Plan plan, std::vector<TemporaryOutput> outputs, ZoneFunction zone, Communicator& comm)
      : plan_(std::move(plan)), outputs_(std::move(outputs)), zone_(std::move(zone)), comm_(comm),
        outbox_(static_cast<std::size_t>(comm.size())) {
    for (std::int64_t p = 0; p < plan_.parts(); ++p)
      if (owner(p) == comm_.rank()) mine_.emplace(p, nullptr);
  }

  void write(const Chunk& chunk) override;
  void exchange() override;
  void finish() override;
  /// Collective. Makes this rank's first file, so that a place that cannot be written to is told at once.
  void start();

 private:
  int owner(std::int64_t part) const { return static_cast<int>(part % comm_.size()); }
  TableWriter& writer(std::int64_t part);
  EncodedColumn encode(const Variable& v, const Column& column, std::int64_t rows, std::int64_t length, EncodeScratch& scratch) const;
  void accept(std::int64_t chunk, std::vector<EncodedColumn> columns);
  void receive(const Bytes& message);
  void seal(std::int64_t part);
  std::unique_ptr<EncodeScratch> borrow();
  std::vector<std::uint64_t> gather_hashes();
  void publish(const std::vector<std::uint64_t>& hashes);

  Plan plan_;
  std::vector<TemporaryOutput> outputs_;  ///< rank 0: the table; appending: every part this rank writes
  ZoneFunction zone_;
  Communicator& comm_;
  std::unique_ptr<SharedColumns> shared_; ///< of one file that rank 0 owns, on its node
  std::mutex mutex_;                      ///< guards what follows
  std::map<std::int64_t, std::unique_ptr<TableWriter>> mine_;
  std::map<std::int64_t, std::uint64_t> hashes_;
  std::set<std::int64_t> sealed_;
  std::vector<ByteWriter> outbox_;
  std::vector<std::unique_ptr<EncodeScratch>> scratch_;
};

TableWriter& TableSink::writer(std::int64_t part) {
  std::lock_guard lock(mutex_);
  auto& writer = mine_.at(part);
  if (sealed_.contains(part)) throw Error(ErrorKind::other, "internal: chunk written twice");
  if (!writer) {
    TableImage image;
    image.schema = plan_.table.schema;
    image.rows = plan_.rows_of_part(part);
    image.chunk_rows = plan_.table.chunk_rows;
    image.codec = plan_.table.codec;
    bool const one_file = plan_.part_chunks == 0;
    auto const path = one_file ? outputs_.at(0).path() : plan_.append ? outputs_.at(static_cast<std::size_t>(part / comm_.size())).path()
                                                                      : plan_.file_of_part(part);
    auto const name = one_file ? plan_.path : plan_.path + "/" + part_name(plan_.before.parts.size() + static_cast<std::size_t>(part));
    writer = std::make_unique<TableWriter>(path, name, std::move(image),
                                           plan_.before.table.rows + plan_.first_chunk(part) * plan_.table.chunk_rows, plan_.description);
  }
  return *writer;
}

void TableSink::start() {
  together(comm_, [&] {
    if (!mine_.empty()) writer(mine_.begin()->first);
  });
  if (comm_.size() == 1 || plan_.part_chunks != 0) return;
  shared_ = share_columns(comm_.rank() == 0 ? writer(0).raw_columns() : nullptr, plan_.directory, plan_.path, comm_);
}

std::unique_ptr<EncodeScratch> TableSink::borrow() {
  std::lock_guard lock(mutex_);
  if (scratch_.empty()) return std::make_unique<EncodeScratch>();
  auto scratch = std::move(scratch_.back());
  scratch_.pop_back();
  return scratch;
}

// Storage of the variable, zone moments, NA's own bits, codec, hash: in this order while the values are in cache. `length`: rows stored.
EncodedColumn TableSink::encode(const Variable& v, const Column& column, std::int64_t rows, std::int64_t length, EncodeScratch& scratch) const {
  auto const value_bytes = static_cast<std::size_t>(v.value_bytes());
  bool const compressed = plan_.table.codec != Codec::none;
  auto const* values = static_cast<const unsigned char*>(column.data);
  if (!stored_as_is(v, column) || length != rows) {
    convert(v, column, rows, length, scratch.values);
    values = scratch.values.data();
  }
  auto const stored = column_of(v, values);
  EncodedColumn out;
  if (v.storage == Storage::text) {
    out.zone.missing = missing_texts(stored, rows);
    out.zone.n = rows - out.zone.missing;
  } else {
    out.level_counts.assign(v.coded() ? v.levels.size() : 0, 0);
    out.zone = zone_(v, stored, rows, out.level_counts);
    if (v.coded()) out.level_counts.resize(v.levels.size());
  }
  if (v.storage == Storage::float64 && out.zone.missing > 0 && normalise_na(values, length, scratch.normalised))
    values = scratch.normalised.data();
  out.bytes = {values, static_cast<std::size_t>(length) * value_bytes};
  if (compressed) {
    scratch.encoder.encode(plan_.table.codec, out.bytes, value_bytes, out.owned);
    out.bytes = out.owned;
  }
  out.hash = hash_of(out.bytes.data(), out.bytes.size());
  return out;
}

void TableSink::write(const Chunk& chunk) {
  auto const& schema = plan_.table.schema;
  if (chunk.index < 0 || chunk.index >= plan_.table.chunk_count() || chunk.rows != plan_.table.rows_of(chunk.index) ||
      chunk.columns.size() != schema.size())
    throw Error(ErrorKind::other, "internal: a chunk is not of the table's grid");
  auto const part = plan_.part_of(chunk.index);
  auto const to = owner(part);
  bool const here = to == comm_.rank(), raw = plan_.table.codec == Codec::none;
  // A part is a table of its own: shorter than a chunk, it has one chunk of its own length.
  auto const length = raw ? chunk.rows : std::min(plan_.rows_of_part(part), plan_.table.chunk_rows);
  auto scratch = borrow();
  std::vector<EncodedColumn> columns(schema.size());
  ByteWriter message;
  if (!here) message.put(chunk.index);
  auto* const into = here ? writer(part).raw_columns() : shared_ ? &shared_->columns : nullptr;
  for (std::size_t c = 0; c < schema.size(); ++c) {
    auto encoded = encode(schema[c], chunk.columns[c], chunk.rows, length, *scratch);
    if (into) into->write(c, chunk.index - plan_.first_chunk(part), std::exchange(encoded.bytes, {}));
    if (here) {
      columns[c] = std::move(encoded);
      continue;
    }
    message.put(encoded.zone);
    message.put(encoded.level_counts);
    message.put(encoded.hash);
    message.put(static_cast<std::uint64_t>(encoded.bytes.size()));
    message.append(encoded.bytes.data(), encoded.bytes.size());
  }
  if (here) accept(chunk.index, std::move(columns));
  std::lock_guard lock(mutex_);
  if (!here) outbox_[static_cast<std::size_t>(to)].append(message.bytes().data(), message.bytes().size());
  scratch_.push_back(std::move(scratch));
}

void TableSink::accept(std::int64_t chunk, std::vector<EncodedColumn> columns) {
  auto const part = plan_.part_of(chunk);
  auto& into = writer(part);
  // In a directory a part is closed as soon as it is full: only a few files are open at a time.
  bool const last = into.put(chunk - plan_.first_chunk(part), std::move(columns));
  if (last && plan_.part_chunks != 0) seal(part);
}

void TableSink::seal(std::int64_t part) {
  auto& full = writer(part);
  full.complete();
  std::unique_ptr<TableWriter> done;
  std::lock_guard lock(mutex_);
  hashes_[part] = full.stored_hash();
  sealed_.insert(part);
  done = std::move(mine_[part]);
}

void TableSink::receive(const Bytes& message) {
  ByteReader in(message);
  while (!in.done()) {
    auto const chunk = in.get<std::int64_t>();
    auto const part = plan_.part_of(chunk);
    std::vector<EncodedColumn> columns(plan_.table.schema.size());
    for (std::size_t c = 0; c < columns.size(); ++c) {
      auto& column = columns[c];
      column.zone = in.get<ZoneMoments>();
      column.level_counts = in.get_vector<std::int64_t>();
      column.hash = in.get<std::uint64_t>();
      auto const bytes = static_cast<std::size_t>(in.get<std::uint64_t>());
      column.bytes = {reinterpret_cast<const unsigned char*>(in.take(bytes)), bytes};
      if (bytes == 0) continue;  // written by the rank that sends this
      if (auto* const into = writer(part).raw_columns()) into->write(c, chunk - plan_.first_chunk(part), column.bytes);
      else column.owned.assign(column.bytes.begin(), column.bytes.end());
    }
    accept(chunk, std::move(columns));
  }
}

void TableSink::exchange() {
  std::vector<Bytes> out;
  together(comm_, [&] {
    std::lock_guard lock(mutex_);
    for (auto& box : outbox_) out.push_back(std::move(box.bytes()));
    outbox_.assign(outbox_.size(), {});
  });
  auto const in = comm_.all_to_all(out);
  together(comm_, [&] {
    for (std::size_t rank = 0; rank < in.size(); ++rank)
      if (static_cast<int>(rank) != comm_.rank()) receive(in[rank]);
  });
}

// [part], from every rank; on rank 0 only.
std::vector<std::uint64_t> TableSink::gather_hashes() {
  ByteWriter out;
  std::vector<std::uint64_t> hashes;
  together(comm_, [&] {
    for (auto const& [part, hash] : hashes_) {
      out.put(part);
      out.put(hash);
    }
    hashes.resize(static_cast<std::size_t>(plan_.parts()));
  });
  for (auto const& message : comm_.gather(out.bytes())) {
    ByteReader in(message);
    while (!in.done()) {
      auto const part = in.get<std::int64_t>();
      hashes[static_cast<std::size_t>(part)] = in.get<std::uint64_t>();
    }
  }
  return hashes;
}

void TableSink::publish(const std::vector<std::uint64_t>& hashes) {
  if (plan_.part_chunks == 0) return outputs_.at(0).publish(!plan_.passing);
  Manifest manifest = plan_.before;
  manifest.table.schema = plan_.table.schema;
  manifest.table.rows = plan_.before.table.rows + plan_.table.rows;
  manifest.table.chunk_rows = plan_.table.chunk_rows;
  if (!plan_.append) manifest.table.codec = plan_.table.codec;
  for (std::int64_t p = 0; p < plan_.parts(); ++p)
    manifest.parts.push_back({part_name(manifest.parts.size()), plan_.rows_of_part(p), hashes[static_cast<std::size_t>(p)]});
  publish_bytes((std::filesystem::path(plan_.directory) / manifest_name).string(), manifest_text(manifest), plan_.append, false);
  if (!plan_.append) outputs_.at(0).publish(!plan_.passing);
}

void TableSink::finish() {
  exchange();
  together(comm_, [&] {
    // Parts that another program has appended meanwhile have the names of ours.
    if (plan_.append && comm_.rank() == 0) refuse_changed((std::filesystem::path(plan_.directory) / manifest_name).string());
  });
  together(comm_, [&] {
    std::vector<std::int64_t> open;
    for (auto const& [part, unused] : mine_)
      if (!sealed_.contains(part)) open.push_back(part);
    for (auto part : open) seal(part);
    if (plan_.part_chunks != 0 && !plan_.append)
      for (auto part : sealed_) sync_file(plan_.file_of_part(part), plan_.path);
    if (plan_.append)
      for (auto& output : outputs_) output.publish();  // not yet in the manifest: nobody sees it
  });
  auto const hashes = gather_hashes();
  if (!plan_.passing) return commit_together(comm_, plan_.path, [&] { publish(hashes); });
  together(comm_, [&] {
    if (comm_.rank() == 0) publish(hashes);
  });
}

void check_schema(const Schema& schema, const Grid& grid) {
  schema.check_names();
  for (auto const& v : schema.variables)
    if (v.storage == Storage::text && v.text_width < 1) throw Error(ErrorKind::other, "internal: text column without a width");
  for (std::int64_t k = 0; k + 1 < grid.chunks(); ++k)
    if (grid.rows(k) != grid.rows(0) || grid.rows(k + 1) > grid.rows(0))
      throw Error(ErrorKind::other, "internal: a table needs chunks of equal length");
}

Plan plan_of(const std::string& path, const Schema& schema, const Grid& grid, const TableOptions& options) {
  check_schema(schema, grid);
  Plan plan;
  plan.path = path;
  plan.table.schema = schema;
  plan.table.rows = grid.total();
  plan.table.chunk_rows = grid.chunks() > 0 ? grid.rows(0) : default_chunk_rows;
  plan.table.codec = options.codec;
  plan.description = options.description;
  plan.passing = options.passing;
  bool const directory = path.size() > 1 && path.back() == '/';
  if (!directory && options.rows_per_part != 0) throw UsageError("--rows-per-part needs an output that ends in '/'");
  if (directory) {
    while (plan.path.size() > 1 && plan.path.back() == '/') plan.path.pop_back();
    auto const length = plan.table.chunk_rows;
    // A table of one short chunk has no chunk length of its own to check against.
    if (options.rows_per_part < 0 || (grid.chunks() > 1 && options.rows_per_part % length != 0))
      throw UsageError("--rows-per-part " + std::to_string(options.rows_per_part) + " is not a multiple of the chunk length " +
                       std::to_string(length));
    plan.part_chunks = options.rows_per_part == 0 ? default_part_chunks : std::max<std::int64_t>(1, options.rows_per_part / length);
  }
  return plan;
}

void refuse_replacing(const Plan& plan, bool overwrite) {
  refuse_existing(plan.path, overwrite);
  namespace fs = std::filesystem;
  std::error_code ignored;
  bool const directory = fs::is_directory(plan.path, ignored);
  if (directory && plan.part_chunks == 0) throw UsageError("'" + plan.path + "' is a directory; a directory of parts is named with '/' at its end");
  if (directory && !is_parts_directory(plan.path) && !fs::is_empty(plan.path, ignored))
    throw UsageError("'" + plan.path + "' is a directory that is not a table; it is not replaced");
  if (directory)
    if (auto const other = no_part_of_table(plan.path); !other.empty())
      throw UsageError("'" + plan.path + "' holds '" + other + "', which is no part of the table; it is not replaced");
  if (!directory && plan.part_chunks != 0 && fs::exists(plan.path, ignored))
    throw UsageError("'" + plan.path + "' is a file; it is not replaced by a directory");
}

// The appended rows take over the directory's columns; levels may only grow at the end, so that codes keep their meaning.
void check_appended(const Manifest& before, const Plan& plan) {
  auto const& old = before.table.schema;
  auto const& fresh = plan.table.schema;
  if (old.size() != fresh.size()) throw UsageError("'" + plan.path + "' has " + std::to_string(old.size()) + " columns, the appended rows have " + std::to_string(fresh.size()));
  for (std::size_t c = 0; c < old.size(); ++c) {
    if (old[c].name != fresh[c].name)
      throw UsageError("column '" + fresh[c].name + "' stands where '" + plan.path + "' has column '" + old[c].name + "'");
    if (old[c].levels.size() > fresh[c].levels.size() || !std::equal(old[c].levels.begin(), old[c].levels.end(), fresh[c].levels.begin()))
      throw UsageError("column '" + fresh[c].name + "': its levels do not begin with those in '" + plan.path + "'");
  }
}

// The type and storage that hold both: readers convert the narrower parts.
void widen(Variable& fresh, const Variable& old) {
  auto const both = widened(old, fresh);
  fresh.type = both.type;
  fresh.storage = both.storage;
  fresh.text_width = both.text_width;
}

}  // namespace
}  // namespace impl

std::unique_ptr<ChunkSink> create_table(const std::string& path, const Schema& schema, const Grid& grid, const TableOptions& options,
                                        const ZoneFunction& zone, Communicator& comm) {
  impl::Plan plan;
  std::vector<impl::TemporaryOutput> outputs;
  together(comm, [&] {
    plan = impl::plan_of(path, schema, grid, options);
    if (comm.rank() != 0) return;
    impl::refuse_replacing(plan, options.overwrite);
    outputs.emplace_back(plan.path);
    std::error_code failed;
    if (plan.part_chunks != 0 && !std::filesystem::create_directory(outputs[0].path(), failed))
      impl::throw_errno(plan.path, "cannot create", failed.value());
  });
  Bytes directory = comm.rank() == 0 ? to_bytes(outputs[0].path()) : Bytes{};
  comm.broadcast(directory);
  plan.directory = to_text(directory);
  auto sink = std::make_unique<impl::TableSink>(std::move(plan), std::move(outputs), zone, comm);
  sink->start();
  return sink;
}

std::unique_ptr<ChunkSink> append_part(const std::string& directory, const Schema& schema, const Grid& grid, const TableOptions& options,
                                       const ZoneFunction& zone, Communicator& comm) {
  impl::Plan plan;
  std::vector<impl::TemporaryOutput> outputs;
  together(comm, [&] {
    auto const path = directory.ends_with('/') ? directory : directory + "/";
    plan = impl::plan_of(path, schema, grid, options);
    plan.directory = plan.path;
    plan.append = true;
    plan.before = impl::read_manifest(plan.path);
    impl::check_appended(plan.before, plan);
    auto const& old = plan.before.table.schema;
    for (std::size_t c = 0; c < old.size(); ++c) impl::widen(plan.table.schema[c], old[c]);
    for (std::int64_t p = comm.rank(); p < plan.parts(); p += comm.size()) {
      impl::watch(plan.file_of_part(p));
      outputs.emplace_back(plan.file_of_part(p));
    }
  });
  auto sink = std::make_unique<impl::TableSink>(std::move(plan), std::move(outputs), zone, comm);
  sink->start();
  return sink;
}

Storage narrowest(VarType type, std::int64_t low, std::int64_t high) {
  switch (type) {
    case VarType::logical: return Storage::int8;
    case VarType::posixct: return Storage::int64;
    case VarType::float32: return Storage::float32;
    case VarType::numeric: return Storage::float64;
    default: break;
  }
  // The lowest value of a signed storage, the highest of uint16, means missing.
  if (type != VarType::date) {
    if (low > INT8_MIN && high <= INT8_MAX) return Storage::int8;
    if (low > INT16_MIN && high <= INT16_MAX) return Storage::int16;
    if (low >= 0 && high < UINT16_MAX) return Storage::uint16;
  }
  return low > INT32_MIN && high <= INT32_MAX ? Storage::int32 : Storage::int64;
}

Storage code_storage(std::size_t levels) {
  return levels <= 128 ? Storage::int8 : levels <= 32768 ? Storage::int16 : Storage::int32;
}

}  // namespace rxhpc
