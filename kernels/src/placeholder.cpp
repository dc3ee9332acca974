#include "rxhpc/accumulator.hpp"
