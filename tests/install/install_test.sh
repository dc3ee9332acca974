#!/usr/bin/env bash
# install_test.sh CMAKE BUILD SOURCE SCRATCH COMPILER GENERATOR KOKKOS_DIR SANITIZERS
set -euo pipefail
cmake=$1 build=$2 source=$3 scratch=$4 compiler=$5 generator=$6 kokkos=$7 sanitize=$8

rm -rf "$scratch"
mkdir -p "$scratch"
"$cmake" --install "$build" --prefix "$scratch/prefix" >"$scratch/install.log" || { tail -n 20 "$scratch/install.log"; exit 1; }
"$scratch/prefix/bin/rxhpc" --version

flags=${sanitize:+-fsanitize=$sanitize}
consume() {  # NAME SOURCE [cmake options]
  local name=$1 from=$2
  shift 2
  "$cmake" -S "$from" -B "$scratch/$name" -G "$generator" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_CXX_FLAGS="$flags" -DCMAKE_PREFIX_PATH="$scratch/prefix" -DKokkos_DIR="$kokkos" "$@" >"$scratch/$name.log" 2>&1 &&
    "$cmake" --build "$scratch/$name" --parallel 1 >>"$scratch/$name.log" 2>&1 || { tail -n 40 "$scratch/$name.log"; exit 1; }
  echo "built $name"
}

# The installed headers and libraries must do: nothing may lead back to the source or build tree.
if grep -rlF -e "$source/" -e "$build/" "$scratch/prefix/lib" --include='*.cmake'; then
  echo "the installed package names the source or build tree"
  exit 1
fi
consume consumer "$source/tests/install/consumer"
"$scratch/consumer/consumer"
consume components "$source/tests/install/consumer" -DONLY_RX=ON
"$scratch/components/consumer"
for example in "$source"/examples/0*/; do
  [ -f "$example/CMakeLists.txt" ] || continue
  name=$(basename "$example")
  consume "$name" "$example"
  "$scratch/$name/${name#*_}"
done
