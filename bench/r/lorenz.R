# lorenz.R COLUMN FILE: seconds for a Lorenz curve of 1000 bins of equal width and its Gini coefficient.
suppressPackageStartupMessages(library(data.table))
words <- commandArgs(trailingOnly = TRUE)
x <- as.data.frame(fread(words[2], select = words[1], showProgress = FALSE))[[1]]
invisible(gc())
time <- system.time({
  range <- range(x)
  bin <- findInterval(x, seq(range[1], range[2], length.out = 1001), rightmost.closed = TRUE)
  sums <- rowsum(cbind(x, 1), bin)
  value <- c(0, cumsum(sums[, 1]) / sum(sums[, 1]))
  rows <- c(0, cumsum(sums[, 2]) / sum(sums[, 2]))
  gini <- 1 - sum(diff(rows) * (head(value, -1) + tail(value, -1)))
})
cat(sprintf('{"seconds": %.6f, "rows": %d, "check": %.15g}\n', time[["elapsed"]], length(x), gini))
