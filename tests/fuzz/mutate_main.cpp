// A small mutation fuzzer for compilers without one: runs a fuzz target over seeds and seeded mutations of them.
//
//   fuzz_text [--runs N] [--seed S] FILE...
//
// Runs each file as it is, then N mutants. The same arguments give the same inputs. A crash leaves its input in `fuzz_crash`: run that
// file alone to see it again. (With the address sanitizer: ASAN_OPTIONS=abort_on_error=1:handle_segv=0.) With clang++ -fsanitize=fuzzer
// this file is not needed.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);

namespace {

using Input = std::vector<unsigned char>;
using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t n) { return n == 0 ? 0 : static_cast<std::size_t>(random() % n); }

/// Pieces that random bytes hardly ever make, and that parsers stumble over.
const char* const pieces[]{"\n", "\r\n", "\"", "\"\"", ",", ";", "\t", "NA", "NaN", "-Inf", "1e999", "-0", "2147483648", "-9223372036854775808", "`", "\\", "((",
                           "[[", "{\"", "null", "~", ":", "%in%", "^-", "\xEF\xBB\xBF", "\xC3", "\xFF\xFF\xFF\xFF"};

void insert(Input& input, std::size_t at, const unsigned char* from, std::size_t n) {
  input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), from, from + n);
}

void mutate_once(Input& input, const std::vector<Input>& seeds, Random& random) {
  std::size_t const at = below(random, input.size() + 1), rest = input.size() - at;
  auto const first = input.begin() + static_cast<std::ptrdiff_t>(at);
  switch (random() % 7) {
    case 0:  // flip a bit
      if (rest) input[at] ^= static_cast<unsigned char>(1u << random() % 8);
      break;
    case 1:  // another byte
      if (rest) input[at] = static_cast<unsigned char>(random());
      break;
    case 2:  // take a run away
      input.erase(first, first + static_cast<std::ptrdiff_t>(below(random, std::min<std::size_t>(rest, 64) + 1)));
      break;
    case 3: {  // say a run twice
      Input const run(first, first + static_cast<std::ptrdiff_t>(below(random, std::min<std::size_t>(rest, 64) + 1)));
      insert(input, below(random, input.size() + 1), run.data(), run.size());
      break;
    }
    case 4: {  // a piece
      auto const* piece = pieces[below(random, std::size(pieces))];
      insert(input, at, reinterpret_cast<const unsigned char*>(piece), std::strlen(piece));
      break;
    }
    case 5: {  // the end of another seed
      auto const& other = seeds[below(random, seeds.size())];
      std::size_t const from = below(random, other.size() + 1);
      input.resize(at);
      input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
      break;
    }
    default:  // cut short
      if (random() % 8 == 0) input.resize(at);
  }
}

const Input* under_way = nullptr;

void keep_input(int signal) {
  int const file = ::open("fuzz_crash", O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (file < 0 || ::write(file, under_way->data(), under_way->size()) < 0) ::_exit(128 + signal);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void run(const Input& input) {
  under_way = &input;
  LLVMFuzzerTestOneInput(input.data(), input.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t runs = 0, seed = 1;
  std::vector<Input> seeds;
  for (int i = 1; i < argc; ++i) {
    std::string const word = argv[i];
    if ((word == "--runs" || word == "--seed") && i + 1 < argc) {
      (word == "--runs" ? runs : seed) = std::strtoull(argv[++i], nullptr, 10);
      continue;
    }
    std::ifstream in(word, std::ios::binary);
    if (!in) return std::fprintf(stderr, "%s: cannot be read\n", word.c_str()), 2;
    seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  if (seeds.empty()) return std::fprintf(stderr, "no seed files\n"), 2;
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGABRT}) std::signal(signal, keep_input);
  for (auto const& s : seeds) run(s);
  Random random(seed);
  for (std::uint64_t k = 0; k < runs; ++k) {
    auto input = seeds[below(random, seeds.size())];
    for (auto n = 1 + random() % 6; n > 0; --n) mutate_once(input, seeds, random);
    run(input);
  }
  std::printf("%zu seeds, %llu mutants\n", seeds.size(), static_cast<unsigned long long>(runs));
}
