// Chunks of a text: from what the learning pass kept, else parsed again.
#include "text_table.hpp"

#include "rxhpc/errors.hpp"
#include "text_threads.hpp"

namespace rxhpc::impl {
namespace {

/// As a table's: how many are missing, and no more.
ZoneMoments zone_of_texts(const Column& column, std::int64_t rows) {
  ZoneMoments zone;
  for (std::int64_t i = 0; i < rows; ++i) zone.missing += static_cast<const char*>(column.data)[i * column.stride] == '\0';
  zone.n = rows - zone.missing;
  return zone;
}

}  // namespace

struct TextTable::Scratch final : ChunkScratch {
  const TextTable* owner = nullptr;
  std::unique_ptr<ChunkParser> parser;
  std::vector<ParsedColumn> parsed;
  std::vector<Buffer> buffers;
};

void TextTable::release(std::int64_t chunk) {
  if (chunk >= learning_.share.first && chunk < learning_.share.last) learning_.kept[chunk - learning_.share.first].clear();
}

/// The kept values of the column, where they give what parsing it again with its final type would give.
const KeptColumn* TextTable::kept_for(std::int64_t chunk, int column) const {
  if (chunk < learning_.share.first || chunk >= learning_.share.last) return nullptr;
  auto const& kept = learning_.kept[chunk - learning_.share.first];
  if (kept.empty() || !kept[column].kept) return nullptr;
  auto const& k = kept[column];
  auto const& v = schema_[column];
  auto const is = k.parsed.facts.kind, wanted = kind_of(v.type);
  bool const none = is == Kind::none && !(wanted == Kind::text && k.parsed.facts.maybe_text);
  // A chunk that met its first decimal late holds what it had parsed as integers, without the sign of a -0.
  bool const lost_sign = wanted == Kind::decimal && k.parsed.facts.minus_zero;
  bool const fits = ((is == wanted || (is == Kind::integer && wanted == Kind::decimal)) && !lost_sign) || none || (is == Kind::date && wanted == Kind::time);
  return fits && !wide_[column] ? &k : nullptr;
}

/// The parsed column as its variable says, in `buffer` where it must be converted.
Column TextTable::finished(int column, const ParsedColumn& parsed, const std::vector<std::int32_t>* rank_codes, std::int64_t rows,
                           Buffer& buffer) const {
  auto const& v = schema_[column];
  auto const kind = parsed.facts.kind;
  bool const coded = v.coded() || v.type == VarType::logical;
  if (kind != Kind::none && !rank_codes && parsed.storage == v.storage) return column_of(v, parsed.values.as<void>());
  buffer.make_room(static_cast<std::size_t>(rows * v.value_bytes()));
  if (kind == Kind::none) {
    std::vector<std::int64_t> const none(static_cast<std::size_t>(rows), coded ? -1 : missing_integer);
    convert(none.data(), Storage::int64, buffer.as<void>(), v.storage, rows, coded);
  } else if (kind == Kind::date && v.type == VarType::posixct) {
    auto const* days = parsed.values.as<std::int32_t>();
    auto* micros = buffer.as<std::int64_t>();
    for (std::int64_t i = 0; i < rows; ++i) micros[i] = days[i] == INT32_MIN ? INT64_MIN : days[i] * microseconds_a_day;
  } else if (rank_codes) {
    std::vector<std::int32_t> map{-1};
    for (auto const code : *rank_codes) map.push_back(rank_codes_[column][code]);
    map_codes(parsed.values.as<void>(), parsed.storage, buffer.as<void>(), v.storage, rows, map.data() + 1);
  } else {
    convert(parsed.values.as<void>(), parsed.storage, buffer.as<void>(), v.storage, rows, coded);
  }
  return column_of(v, buffer.as<void>());
}

void TextTable::read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const { read(chunk, columns, false, out); }

/// first_bytes: of texts of fixed length, which may be long, only the first byte: it tells whether one is missing.
void TextTable::read(std::int64_t chunk, std::span<const int> columns, bool first_bytes, Chunk& out) const {
  auto* scratch = dynamic_cast<Scratch*>(out.scratch.get());
  if (!scratch || scratch->owner != this) {
    auto fresh = std::make_unique<Scratch>();
    fresh->owner = this;
    fresh->parser = std::make_unique<ChunkParser>(*text_, header_, index_, settings_);
    scratch = fresh.get();
    out.scratch = std::move(fresh);
  }
  std::int64_t const rows = grid().rows(chunk);
  out.index = chunk;
  out.first_row = grid().first(chunk);
  out.rows = rows;
  out.columns.resize(columns.size());
  if (scratch->buffers.size() < columns.size()) scratch->buffers.resize(columns.size());
  std::vector<ParseTask> tasks;
  std::vector<std::size_t> places;
  for (std::size_t k = 0; k < columns.size(); ++k) {
    if (auto const* kept = kept_for(chunk, columns[k])) {
      bool const own = kept->parsed.facts.kind == Kind::text && !rules_[columns[k]].has_levels;
      out.columns[k] = finished(columns[k], kept->parsed, own ? &kept->codes : nullptr, rows, scratch->buffers[k]);
    } else {
      tasks.push_back(tasks_[columns[k]]);
      if (first_bytes && wide_[columns[k]]) tasks.back().width = 1, tasks.back().cut_off = true;
      places.push_back(k);
    }
  }
  if (tasks.empty()) return;
  if (scratch->parsed.size() < tasks.size()) scratch->parsed.resize(tasks.size());
  std::span<ParsedColumn> const parsed(scratch->parsed.data(), tasks.size());
  scratch->parser->parse(chunk, tasks, parsed);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    auto& column = out.columns[places[i]] = finished(columns[places[i]], parsed[i], nullptr, rows, scratch->buffers[places[i]]);
    if (tasks[i].cut_off) column.text_width = 1, column.stride = 1;
  }
}

void TextTable::make_zone_map(const ZoneFunction& zone, Communicator& comm) {
  std::size_t const count = schema_.size();
  auto const share = share_of(grid().chunks(), comm.rank(), comm.size());
  auto const mine = static_cast<std::size_t>(share.last - share.first);
  std::vector<ZoneMoments> moments(mine * count);
  std::vector<std::vector<std::int64_t>> levels(mine * count);
  std::vector<int> columns(count);
  for (std::size_t c = 0; c < count; ++c) columns[c] = static_cast<int>(c);
  std::vector<Chunk> chunks(static_cast<std::size_t>(threads_));
  together(comm, [&] {
    parallel_items(share.first, share.last, threads_, [&](std::int64_t chunk, int thread) {
      auto& data = chunks[thread];
      read(chunk, columns, true, data);
      for (std::size_t c = 0; c < count; ++c) {
        auto const at = static_cast<std::size_t>(chunk - share.first) * count + c;
        moments[at] = wide_[c] ? zone_of_texts(data.columns[c], data.rows) : zone(schema_[c], data.columns[c], data.rows, levels[at]);
        levels[at].resize(schema_[c].coded() ? schema_[c].levels.size() : 0);
      }
      release(chunk);
    });
  });
  // Every rank gets all chunks: moments first, then the level counts, both in chunk order.
  std::vector<std::int64_t> packed;
  for (auto const& m : moments) {
    std::int64_t words[sizeof m / 8];
    std::memcpy(words, &m, sizeof m);
    packed.insert(packed.end(), std::begin(words), std::end(words));
  }
  for (auto const& counts : levels) packed.insert(packed.end(), counts.begin(), counts.end());
  auto const parts = comm.gather(std::as_bytes(std::span(packed)));
  Bytes all;
  for (auto const& part : parts) all.insert(all.end(), part.begin(), part.end());
  comm.broadcast(all);
  ZoneMap map;
  auto const total = static_cast<std::size_t>(grid().chunks());
  map.moments.assign(count, std::vector<ZoneMoments>(total));
  map.level_counts.assign(count, {});
  for (std::size_t c = 0; c < count; ++c)
    if (schema_[c].coded()) map.level_counts[c].resize(total);
  const std::byte* p = all.data();
  for (int r = 0; r < comm.size(); ++r) {
    auto const theirs = share_of(grid().chunks(), r, comm.size());
    for (auto chunk = theirs.first; chunk < theirs.last; ++chunk)
      for (std::size_t c = 0; c < count; ++c, p += sizeof(ZoneMoments)) std::memcpy(static_cast<void*>(&map.moments[c][chunk]), p, sizeof(ZoneMoments));
    for (auto chunk = theirs.first; chunk < theirs.last; ++chunk)
      for (std::size_t c = 0; c < count; ++c) {
        if (!schema_[c].coded()) continue;
        auto& counts = map.level_counts[c][chunk];
        counts.resize(schema_[c].levels.size());
        if (!counts.empty()) std::memcpy(counts.data(), p, counts.size() * 8);
        p += counts.size() * 8;
      }
  }
  zone_ = std::move(map);
}

}  // namespace rxhpc::impl
