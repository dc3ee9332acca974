// Outputs as the program sees them: told beforehand where they cannot be made, and known once they are in their place.
#pragma once
#include <string>

namespace rxhpc {

/// Makes a file beside `path` and removes it; a device or pipe is only asked for its rights. Throws DataError where an output cannot be made.
void require_creatable(const std::string& path);

/// Takes note of what is at `path` now (a directory of parts: its manifest, too): where another program has put something else there by
/// the time that this process' output is renamed to it, that is a DataError and nothing is replaced. A check, not a lock.
void watch_output(const std::string& path);

/// The table or text that was renamed into its place, or which rank 0 is about to rename; empty before.
std::string committed_output();

/// For a process about to end: removes every unfinished output, after which none can be renamed into its place any more. False, with
/// nothing done, where one is there already: the job did its work, and the rest of it only tells so.
bool abandon_outputs();

}  // namespace rxhpc
