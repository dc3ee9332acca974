// Rows to a text file: encoded where they are, written in chunk order by rank 0.
#include <fcntl.h>
#include <isa-l/igzip_lib.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>

#include "atomic_file.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/text.hpp"
#include "text_format.hpp"

namespace rxhpc {
namespace {

bool ends_with(const std::string& path, std::string_view end) {
  return path.size() > end.size() && path.compare(path.size() - end.size(), end.size(), end) == 0;
}

/// One gzip member with no time and no name in it: the same bytes for the same text. Members follow one another in the file.
std::string compressed(const std::string& text, const std::string& path) {
  std::vector<std::uint8_t> work(ISAL_DEF_LVL1_DEFAULT);
  isal_zstream stream;
  isal_deflate_init(&stream);
  stream.level = 1;
  stream.level_buf = work.data();
  stream.level_buf_size = static_cast<std::uint32_t>(work.size());
  stream.gzip_flag = IGZIP_GZIP;
  std::string out;
  std::vector<std::uint8_t> buffer(1 << 18);
  std::size_t given = 0;
  do {
    if (stream.avail_in == 0) {
      auto const piece = std::min<std::size_t>(text.size() - given, std::size_t{1} << 30);
      stream.next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data())) + given;
      stream.avail_in = static_cast<std::uint32_t>(piece);
      given += piece;
      stream.end_of_stream = given == text.size();
    }
    stream.next_out = buffer.data();
    stream.avail_out = static_cast<std::uint32_t>(buffer.size());
    if (isal_deflate(&stream) != COMP_OK) throw DataError(path + ": the text cannot be compressed");
    out.append(reinterpret_cast<const char*>(buffer.data()), buffer.size() - stream.avail_out);
  } while (stream.internal_state.state != ZSTATE_END);
  return out;
}

class TextSink final : public ChunkSink {
 public:
  TextSink(const std::string& path, const Schema& schema, const TextOutputOptions& options, Communicator& comm)
      : path_(path), schema_(schema), formatter_(schema_, options.delimiter), comm_(comm), gzip_(ends_with(path, ".gz")) {
    together(comm_, [&] {
      if (schema_.size() == 0) throw UsageError(path + ": there is no column to write");
      if (comm_.rank() != 0) return;
      impl::refuse_existing(path, options.overwrite);
      output_ = impl::TemporaryOutput(path);
      file_ = impl::FileDescriptor(::open(output_.path().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
      if (!file_) impl::throw_errno(path, "cannot be made", errno);
      append(encoded(formatter_.header()));
    });
  }

  void write(const Chunk& chunk) override {
    std::string text;
    formatter_.append(chunk, text);
    text = encoded(std::move(text));
    std::lock_guard lock(mutex_);
    ready_[chunk.index] = std::move(text);
  }

  /// Ranks hold contiguous runs of chunks, so that those of the others come too early: rank 0 lays them aside on disk.
  void exchange() override {
    Bytes mine;
    together(comm_, [&] {
      if (comm_.rank() == 0) return;
      std::size_t bytes = 0;
      for (auto const& [index, text] : ready_) bytes += text.size() + sizeof(std::int64_t[2]);
      mine.reserve(bytes);
      for (auto const& [index, text] : ready_) put(mine, index, text);
      ready_.clear();
    });
    auto const parts = comm_.gather(mine);
    together(comm_, [&] {
      if (comm_.rank() != 0) return;
      for (auto const& part : parts) take(part);
      write_ready();
    });
  }

  void finish() override {
    exchange();
    together(comm_, [&] {
      if (comm_.rank() != 0) return;
      if (!ready_.empty() || !aside_.empty()) throw DataError(path_ + ": chunk " + std::to_string(next_) + " was never written");
    });
    impl::commit_together(comm_, path_, [&] {
      output_.publish(true);
      file_.close();
    });
  }

 private:
  struct Place {
    std::uint64_t at = 0, bytes = 0;
  };
  std::string encoded(std::string text) const { return gzip_ ? compressed(text, path_) : std::move(text); }

  static void put(Bytes& out, std::int64_t index, const std::string& text) {
    std::int64_t const numbers[2] = {index, static_cast<std::int64_t>(text.size())};
    auto const* p = reinterpret_cast<const std::byte*>(numbers);
    out.insert(out.end(), p, p + sizeof numbers);
    auto const* t = reinterpret_cast<const std::byte*>(text.data());
    out.insert(out.end(), t, t + text.size());
  }
  void take(const Bytes& in) {
    for (std::size_t at = 0; at < in.size();) {
      std::int64_t numbers[2];
      std::memcpy(numbers, in.data() + at, sizeof numbers);
      at += sizeof numbers;
      auto const bytes = static_cast<std::uint64_t>(numbers[1]);
      lay_aside(in.data() + at, {aside_bytes_, bytes});
      aside_[numbers[0]] = {aside_bytes_, bytes};
      aside_bytes_ += bytes;
      at += bytes;
    }
  }
  void lay_aside(const std::byte* bytes, const Place& place) {
    if (!aside_file_) {
      impl::TemporaryOutput const name(path_ + ".aside");
      aside_file_ = impl::FileDescriptor(::open(name.path().c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
      if (!aside_file_) impl::throw_errno(path_, "cannot make a temporary file beside it", errno);
    }  // the name goes, the file stays until it is closed
    impl::write_at(aside_file_.get(), bytes, place.bytes, place.at, path_);
  }
  void write_ready() {
    for (;; ++next_) {
      if (auto const here = ready_.find(next_); here != ready_.end()) {
        append(here->second);
        ready_.erase(here);
      } else if (auto const there = aside_.find(next_); there != aside_.end()) {
        std::string text(there->second.bytes, '\0');
        if (!impl::read_at(aside_file_.get(), text.data(), text.size(), there->second.at, path_)) throw DataError(path_ + ": the temporary file is cut short");
        append(text);
        aside_.erase(there);
      } else {
        return;
      }
    }
  }
  void append(const std::string& bytes) {
    impl::write_at(file_.get(), bytes.data(), bytes.size(), written_, path_);
    written_ += bytes.size();
  }

  std::string path_;
  Schema schema_;
  impl::RowFormatter formatter_;
  Communicator& comm_;
  bool gzip_;
  std::mutex mutex_;
  std::map<std::int64_t, std::string> ready_;
  std::map<std::int64_t, Place> aside_;  ///< chunks of other ranks, in aside_file_
  impl::FileDescriptor aside_file_;
  std::uint64_t aside_bytes_ = 0;
  std::int64_t next_ = 0;
  std::uint64_t written_ = 0;
  impl::TemporaryOutput output_;
  impl::FileDescriptor file_;
};

}  // namespace

std::unique_ptr<ChunkSink> create_text(const std::string& path, const Schema& schema, const Grid&, const TextOutputOptions& options,
                                       Communicator& comm) {
  schema.check_names();
  return std::make_unique<TextSink>(path, schema, options, comm);
}

bool is_text_name(const std::string& path) {
  std::string name = ends_with(path, ".gz") ? path.substr(0, path.size() - 3) : path;
  return ends_with(name, ".csv") || ends_with(name, ".tsv") || ends_with(name, ".txt");
}

}  // namespace rxhpc
