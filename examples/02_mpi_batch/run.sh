#!/usr/bin/env bash
# run.sh TABLE [RANKS]: a summary and a linear model on several ranks of one machine, with the processors shared between them.
set -euo pipefail
table=${1:?usage: run.sh TABLE [RANKS]}
ranks=${2:-2}
rxhpc=${RXHPC:-rxhpc}

# Threads a rank: what the machine has, divided. Ranks are not bound, or their threads would fight for one core.
threads=$(($(nproc) / ranks))
export OMP_NUM_THREADS=$((threads > 0 ? threads : 1)) OMP_PROC_BIND=false

mpirun --bind-to none -n "$ranks" "$rxhpc" summary '~ arr_delay + dep_delay + distance' "$table"
mpirun --bind-to none -n "$ranks" "$rxhpc" linmod 'arr_delay ~ dep_delay + distance' "$table" --json fit.json --quiet
echo "the fit is in fit.json"
