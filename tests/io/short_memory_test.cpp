// One rank among several has no memory left: all fail with the same error, none waits for it.
#include <gtest/gtest.h>

#include <optional>

#include "rxhpc/errors.hpp"
#include "rxhpc/text.hpp"
#include "short_memory.hpp"
#include "table_support.hpp"
#include "thread_communicator.hpp"

namespace rxhpc {
namespace {

using namespace rxhpc::test;

TEST(ShortMemory, OfOneRankEndsTheWritingOfTextOnAll) {
  Folder folder;
  auto const t = every_type(900, 100);
  for (int short_rank : {1, 2})
    for (auto const& failure : run_ranks(3, [&](Communicator& comm) {
           auto const sink = create_text(folder / "t.csv", t.schema(), t.grid(), {}, comm);
           auto const share = share_of(t.grid().chunks(), comm.rank(), comm.size());
           for (auto k = share.first; k < share.last; ++k) sink->write(t.chunk(k));
           std::optional<ShortMemory> shortage;
           if (comm.rank() == short_rank) shortage.emplace(2000);
           sink->exchange();
         })) {
      ASSERT_TRUE(failure);
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& e) {
        EXPECT_STREQ(e.what(), "out of memory") << "rank " << short_rank << " is short of it";
      }
    }
  EXPECT_EQ(folder.entries(), 0u);
}

}  // namespace
}  // namespace rxhpc
