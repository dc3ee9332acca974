# import.R METHOD FILE: seconds of one call of data.table's fread (2 threads) or of read.csv, in a fresh process.
args <- commandArgs(trailingOnly = TRUE)
if (args[1] == "fread") {
  suppressPackageStartupMessages(library(data.table))
  setDTthreads(2L)
  time <- system.time(table <- fread(args[2], showProgress = FALSE))
} else {
  time <- system.time(table <- read.csv(args[2]))
}
cat(sprintf('{"seconds": %.6f, "rows": %d}\n', time[["elapsed"]], nrow(table)))
