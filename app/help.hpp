// Help, the command reference and the man page, made from the table of verbs.
#pragma once
#include <string>

#include "verbs.hpp"

namespace rxhpc::app {

std::string general_help();
std::string verb_help(const Verb& verb);
std::string version_text();
std::string man_page();    ///< roff, for rxhpc.1
std::string markdown();    ///< docs/commands.md

}  // namespace rxhpc::app
