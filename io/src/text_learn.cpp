// The learning pass: types, ranges, levels, and as many parsed columns as memory allows.
#include <sys/sysinfo.h>

#include <map>
#include <numeric>

#include "rxhpc/errors.hpp"
#include "rxhpc/memory_limit.hpp"
#include "rxhpc/table.hpp"
#include "text_record.hpp"
#include "text_table.hpp"
#include "text_threads.hpp"

namespace rxhpc::impl {
namespace {

Storage first_storage(const ColumnRule& rule, Kind kind, bool single) {
  switch (kind) {
    case Kind::decimal: return (rule.fixed ? rule.type == VarType::float32 : single) ? Storage::float32 : Storage::float64;
    case Kind::date: return Storage::int32;
    case Kind::time: return Storage::int64;
    case Kind::text: return rule.has_levels ? code_storage(rule.levels.size()) : Storage::int8;
    default: return Storage::int8;
  }
}

/// Every rank's bytes on every rank, in rank order.
std::vector<Bytes> everybodys(std::span<const std::byte> mine, Communicator& comm) {
  auto parts = comm.gather(mine);
  Bytes all;
  if (comm.rank() == 0)
    for (auto const& part : parts) {
      std::int64_t const length = static_cast<std::int64_t>(part.size());
      auto const* p = reinterpret_cast<const std::byte*>(&length);
      all.insert(all.end(), p, p + sizeof length);
      all.insert(all.end(), part.begin(), part.end());
    }
  comm.broadcast(all);
  std::vector<Bytes> out;
  for (std::size_t at = 0; at < all.size();) {
    std::int64_t length = 0;
    std::memcpy(&length, all.data() + at, sizeof length);
    at += sizeof length;
    out.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(at), all.begin() + static_cast<std::ptrdiff_t>(at) + length);
    at += static_cast<std::size_t>(length);
  }
  return out;
}

template <class T>
std::vector<std::vector<T>> everybodys_items(const std::vector<T>& mine, Communicator& comm) {
  std::vector<std::vector<T>> out;
  for (auto const& part : everybodys(std::as_bytes(std::span(mine)), comm)) {
    out.emplace_back(part.size() / sizeof(T));
    if (!part.empty()) std::memcpy(static_cast<void*>(out.back().data()), part.data(), part.size());
  }
  return out;
}

void put_texts(Bytes& out, const std::vector<std::string_view>& texts) {
  auto const number = [&](std::int64_t n) {
    auto const* p = reinterpret_cast<const std::byte*>(&n);
    out.insert(out.end(), p, p + sizeof n);
  };
  number(static_cast<std::int64_t>(texts.size()));
  for (auto const& t : texts) {
    number(static_cast<std::int64_t>(t.size()));
    auto const* p = reinterpret_cast<const std::byte*>(t.data());
    out.insert(out.end(), p, p + t.size());
  }
}

/// Reads what put_texts wrote, from `at` on, which moves past it.
std::vector<std::string_view> get_texts(const Bytes& in, std::size_t& at) {
  auto const number = [&] {
    std::int64_t n = 0;
    std::memcpy(&n, in.data() + at, sizeof n);
    at += sizeof n;
    return n;
  };
  std::vector<std::string_view> texts(static_cast<std::size_t>(number()));
  for (auto& t : texts) {
    auto const length = static_cast<std::size_t>(number());
    t = {reinterpret_cast<const char*>(in.data()) + at, length};
    at += length;
  }
  return texts;
}

/// Threads, and how much of the parsed columns this rank may keep: what is left beside a chunk a thread as it is parsed, in up to 8 bytes
/// a value, and as it is encoded.
void share_memory(std::int64_t memory_limit, std::int64_t chunk_bytes, Communicator& comm, int& threads, std::int64_t& keep) {
  if (memory_limit > 0) {
    threads = threads_with_room(threads, 2 * chunk_bytes, memory_limit);
    keep = std::max<std::int64_t>(0, room_for_rows(memory_limit) - 2 * threads * chunk_bytes);
    return;
  }
  struct sysinfo about {};
  keep = ::sysinfo(&about) != 0 ? 1LL << 30 : static_cast<std::int64_t>(about.totalram) * about.mem_unit / 4 / std::max(1, comm.ranks_on_node());
}

}  // namespace

TextTable::TextTable(const std::string& path, const TextOptions& options, Communicator& comm, const TextProgress& progress) {
  if (options.chunk_rows < 1) throw UsageError("rows per chunk must be at least 1");
  if (options.delimiter == '"' || options.delimiter == '\n' || options.delimiter == '\r')
    throw UsageError("the delimiter cannot be a quote or a line end");
  together(comm, [&] {
    text_ = TextBytes::open(path, options.memory_limit);
    header_ = read_header(*text_, options);
    rules_ = column_rules(header_, options);
  });
  threads_ = thread_count(options.threads);
  settings_ = {MissingStrings(options.missing_strings), options.default_decimal == VarType::float32};
  index_ = index_text(*text_, header_, options.chunk_rows, threads_, comm);
  share_memory(options.memory_limit, grid().longest() * static_cast<std::int64_t>(rules_.size() * sizeof(double)), comm, threads_, keep_bytes_);
  learn(options, comm, progress);
}

/// The least kinds that a few rows from the start, all over the text and its end need. Where later rows need more, the pass widens: the
/// sample decides how much work that is, never the result.
std::vector<Kind> TextTable::sampled_kinds() const {
  std::vector<Kind> kinds(rules_.size(), Kind::none);
  std::int64_t const chunks = grid().chunks(), places = std::min<std::int64_t>(chunks, 16);
  std::vector<std::string_view> fields;
  for (std::int64_t p = 0; p < places; ++p) {
    std::int64_t const chunk = places > 1 ? p * (chunks - 1) / (places - 1) : 0;
    auto at = index_.begin[chunk];
    for (int row = 0; row < 100 && at >= 0 && at < index_.begin[chunk + 1]; ++row) {
      at = skip_blank_lines(text_->data(), text_->size(), at);
      at = split_record(text_->data(), text_->size(), at, header_.delimiter, fields);
      for (std::size_t c = 0; c < rules_.size(); ++c)
        if (static_cast<std::size_t>(rules_[c].field) < fields.size() && kinds[c] != Kind::text)
          kinds[c] = join(kinds[c], classify(fields[rules_[c].field], settings_.missing));
    }
  }
  return kinds;
}

/// What a pass shares between its threads. Chunks are parsed in any order; their texts enter the rank's dictionaries in chunk order.
struct TextTable::Pass {
  std::mutex mutex;
  std::int64_t frontier = 0;                                ///< first chunk of the share whose texts are not merged
  std::map<std::int64_t, std::vector<std::unique_ptr<Dictionary>>> waiting;
  std::atomic<std::int64_t> kept_bytes{0};
  std::int64_t rows = 0, bytes = 0;
};

void TextTable::learn_columns(const std::vector<int>& columns, const std::vector<ParseTask>& tasks, const TextProgress& progress) {
  Pass pass;
  auto& learned = learning_;
  std::vector<std::unique_ptr<ChunkParser>> parsers(static_cast<std::size_t>(threads_));
  std::vector<std::vector<ParsedColumn>> results(static_cast<std::size_t>(threads_));
  for (int const c : columns) learned.words[c] = std::make_unique<Dictionary>();

  // Under the mutex: the texts of the frontier's chunk join this rank's.
  auto const merge_one = [&](std::int64_t local, std::vector<std::unique_ptr<Dictionary>>& chunk_words) {
    for (std::size_t k = 0; k < columns.size(); ++k) {
      int const c = columns[k];
      if (!chunk_words[k] || learned.too_many[c]->load()) continue;
      std::vector<std::int32_t> codes;
      codes.reserve(chunk_words[k]->texts().size());
      for (auto const& t : chunk_words[k]->texts()) codes.push_back(learned.words[c]->add(t));
      bool const character = !rules_[c].fixed || rules_[c].type == VarType::character;
      if (character && learned.words[c]->size() > most_character_codes) *learned.too_many[c] = true;
      learned.kept[local][c].codes = std::move(codes);
    }
  };

  parallel_items(learned.share.first, learned.share.last, threads_, [&](std::int64_t chunk, int thread) {
    auto& parser = parsers[thread];
    auto& out = results[thread];
    if (!parser) parser = std::make_unique<ChunkParser>(*text_, header_, index_, settings_);
    out.resize(tasks.size());
    parser->parse(chunk, tasks, out);
    std::int64_t const local = chunk - learned.share.first;
    std::vector<std::unique_ptr<Dictionary>> words(columns.size());
    for (std::size_t k = 0; k < columns.size(); ++k) {
      int const c = columns[k];
      auto& parsed = out[k];
      learned.facts[local][c] = parsed.facts;
      learned.usable[local][c] = parsed.usable;
      bool const complete = parsed.usable && parsed.storage != Storage::text;
      if (parsed.facts.kind == Kind::text && complete && !tasks[k].known) words[k] = std::move(parsed.words);
      auto const bytes = static_cast<std::int64_t>(parsed.values.capacity());
      if (complete && pass.kept_bytes.fetch_add(bytes) + bytes <= keep_bytes_) {
        learned.kept[local][c].parsed = std::move(parsed);
        learned.kept[local][c].kept = true;
        parsed = ParsedColumn{};
      }
    }
    std::lock_guard lock(pass.mutex);
    pass.waiting[local] = std::move(words);
    for (auto it = pass.waiting.begin(); it != pass.waiting.end() && it->first == pass.frontier; it = pass.waiting.erase(it), ++pass.frontier)
      merge_one(it->first, it->second);
    pass.rows += grid().rows(chunk);
    pass.bytes += index_.begin[chunk + 1] - index_.begin[chunk];
    if (progress) progress(pass.rows, pass.bytes);
  });
  keep_bytes_ -= std::min(keep_bytes_, pass.kept_bytes.load());
}

std::vector<Kind> TextTable::agreed_kinds(Communicator& comm) const {
  std::vector<Kind> mine(rules_.size(), Kind::none);
  for (auto const& chunk : learning_.facts)
    for (std::size_t c = 0; c < mine.size(); ++c) mine[c] = join(mine[c], chunk[c].kind);
  auto kinds = std::vector<Kind>(rules_.size(), Kind::none);
  for (auto const& theirs : everybodys_items(mine, comm))
    for (std::size_t c = 0; c < kinds.size(); ++c) kinds[c] = join(kinds[c], theirs[c]);
  return kinds;
}

/// Columns that turned out to be text after some chunks had been parsed as something else: their texts are not known.
std::vector<int> TextTable::columns_to_learn_again(const std::vector<Kind>& kinds, Communicator& comm) const {
  std::vector<std::int64_t> again(rules_.size(), 0);
  for (std::size_t i = 0; i < learning_.facts.size(); ++i)
    for (std::size_t c = 0; c < rules_.size(); ++c) {
      auto const& facts = learning_.facts[i][c];
      bool const fine = learning_.usable[i][c] && (facts.kind == Kind::text || (facts.kind == Kind::none && !facts.maybe_text));
      if (!rules_[c].fixed && kinds[c] == Kind::text && !fine) again[c] = 1;
      if (!rules_[c].fixed && kinds[c] == Kind::none && facts.maybe_text) again[c] = 1;  // nothing but quoted empty fields
    }
  comm.all_sum(again);
  std::vector<int> columns;
  for (std::size_t c = 0; c < again.size(); ++c)
    if (again[c] > 0) columns.push_back(static_cast<int>(c));
  return columns;
}

std::vector<ColumnFacts> TextTable::agreed_facts(const std::vector<Kind>& kinds, Communicator& comm) const {
  std::vector<ColumnFacts> mine(rules_.size()), all(rules_.size());
  for (auto const& chunk : learning_.facts)
    for (std::size_t c = 0; c < mine.size(); ++c) {
      auto facts = chunk[c];
      if (kinds[c] == Kind::time && facts.kind == Kind::date) days_to_micros(facts);
      mine[c].merge(facts);
    }
  for (auto const& theirs : everybodys_items(mine, comm))
    for (std::size_t c = 0; c < all.size(); ++c) all[c].merge(theirs[c]);
  for (std::size_t c = 0; c < all.size(); ++c) all[c].kind = kinds[c];
  return all;
}

/// The texts of every column of text over all ranks, in row order; which columns have too many for codes.
void TextTable::agree_words(const std::vector<VarType>& types, const TextOptions& options, Communicator& comm) {
  std::vector<std::int64_t> too_many(rules_.size(), 0);
  for (std::size_t c = 0; c < rules_.size(); ++c) too_many[c] = learning_.too_many[c]->load();
  comm.all_sum(too_many);
  std::vector<int> columns;
  for (std::size_t c = 0; c < rules_.size(); ++c)
    if (kind_of(types[c]) == Kind::text && !rules_[c].has_levels) columns.push_back(static_cast<int>(c));
  Bytes mine;
  for (int const c : columns) put_texts(mine, too_many[c] ? std::vector<std::string_view>{} : learning_.words[c]->texts());
  auto const parts = comm.gather(mine);
  Bytes merged;
  if (comm.rank() == 0) {
    std::vector<std::unique_ptr<Dictionary>> dictionaries(columns.size());
    for (auto& d : dictionaries) d = std::make_unique<Dictionary>();
    for (auto const& part : parts) {
      std::size_t at = 0;
      for (std::size_t k = 0; k < columns.size(); ++k)
        for (auto const& t : get_texts(part, at)) dictionaries[k]->add(t);
    }
    for (auto const& d : dictionaries) put_texts(merged, d->texts());
  }
  comm.broadcast(merged);
  words_.resize(rules_.size());
  word_codes_.resize(rules_.size());
  rank_codes_.resize(rules_.size());
  wide_.assign(rules_.size(), 0);
  std::size_t at = 0;
  for (int const c : columns) {
    auto const texts = get_texts(merged, at);
    wide_[c] = types[c] == VarType::character && (too_many[c] || texts.size() > static_cast<std::size_t>(most_character_codes));
    words_[c] = std::make_unique<Dictionary>();
    if (wide_[c]) continue;
    for (auto const& t : texts) words_[c]->add(t);
    // The level of each text: its place, or its rank among the sorted texts.
    auto& codes = word_codes_[c];
    codes.resize(texts.size());
    std::vector<std::int32_t> order(texts.size());
    std::iota(order.begin(), order.end(), 0);
    if (options.sort_levels && types[c] != VarType::character)
      std::sort(order.begin(), order.end(), [&](auto a, auto b) { return texts[a] < texts[b]; });
    for (std::size_t i = 0; i < order.size(); ++i) codes[order[i]] = static_cast<std::int32_t>(i);
    for (auto const& t : learning_.words[c]->texts()) rank_codes_[c].push_back(codes[words_[c]->find(t)]);
  }
}

void TextTable::learn(const TextOptions& options, Communicator& comm, const TextProgress& progress) {
  std::size_t const count = rules_.size();
  auto& learned = learning_;
  learned.share = share_of(grid().chunks(), comm.rank(), comm.size());
  auto const mine = static_cast<std::size_t>(learned.share.last - learned.share.first);
  learned.facts.assign(mine, std::vector<ColumnFacts>(count));
  learned.usable.assign(mine, std::vector<char>(count, 1));
  learned.kept.resize(mine);
  for (auto& chunk : learned.kept) chunk.resize(count);
  learned.words.resize(count);
  for (std::size_t c = 0; c < count; ++c) learned.too_many.push_back(std::make_unique<std::atomic<bool>>(false));

  auto const task_for = [&](int c, Kind kind, bool guess) {
    ParseTask task;
    auto const& rule = rules_[c];
    task.rule = &rule;
    task.kind = kind;
    task.guess = guess;
    task.storage = first_storage(rule, kind, settings_.single);
    if (rule.has_levels) {
      task.known = &rule.values;
      task.codes = rule.value_codes.data();
      task.other = rule.other;
    }
    task.too_many = learned.too_many[c].get();
    return task;
  };
  std::vector<int> columns(count);
  std::iota(columns.begin(), columns.end(), 0);
  std::vector<ParseTask> tasks;
  auto const sampled = sampled_kinds();
  for (int const c : columns) tasks.push_back(task_for(c, rules_[c].fixed ? kind_of(rules_[c].type) : sampled[c], !rules_[c].fixed));
  together(comm, [&] { learn_columns(columns, tasks, progress); });

  auto kinds = agreed_kinds(comm);
  if (auto const again = columns_to_learn_again(kinds, comm); !again.empty()) {
    std::vector<ParseTask> as_text;
    for (int const c : again) {
      for (auto& chunk : learned.kept) chunk[c] = KeptColumn{};
      as_text.push_back(task_for(c, Kind::text, false));
    }
    together(comm, [&] { learn_columns(again, as_text, {}); });
    kinds = agreed_kinds(comm);
  }
  auto const facts = agreed_facts(kinds, comm);
  std::vector<VarType> types;
  for (std::size_t c = 0; c < count; ++c) types.push_back(decided_type(rules_[c], facts[c], options.default_decimal));
  agree_words(types, options, comm);
  for (std::size_t c = 0; c < count; ++c) {
    std::vector<std::string> levels = rules_[c].levels;
    if (!rules_[c].has_levels && words_[c] && !wide_[c]) {
      levels.resize(word_codes_[c].size());
      for (std::size_t i = 0; i < levels.size(); ++i) levels[word_codes_[c][i]] = std::string((*words_[c])[static_cast<std::int32_t>(i)]);
    }
    schema_.variables.push_back(decided_variable(rules_[c], facts[c], types[c], std::move(levels), wide_[c]));
  }
  set_final_tasks();
}

void TextTable::set_final_tasks() {
  for (std::size_t c = 0; c < rules_.size(); ++c) {
    auto const& v = schema_[c];
    ParseTask task;
    task.rule = &rules_[c];
    task.storage = v.storage;
    task.kind = wide_[c] ? Kind::wide : kind_of(v.type);
    task.width = v.text_width;
    if (rules_[c].has_levels) {
      task.known = &rules_[c].values;
      task.codes = rules_[c].value_codes.data();
      task.other = rules_[c].other;
    } else if (task.kind == Kind::text) {
      task.known = words_[c].get();
      task.codes = word_codes_[c].data();
    }
    tasks_.push_back(task);
  }
}

}  // namespace rxhpc::impl
