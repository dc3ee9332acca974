# histogram.R COLUMN FILE: seconds of hist(), not drawn.
suppressPackageStartupMessages(library(data.table))
words <- commandArgs(trailingOnly = TRUE)
x <- as.data.frame(fread(words[2], select = words[1], showProgress = FALSE))[[1]]
invisible(gc())
time <- system.time(h <- hist(x, plot = FALSE))
cat(sprintf('{"seconds": %.6f, "rows": %d, "check": %.15g}\n', time[["elapsed"]], length(x), sum(seq_along(h$counts) * h$counts)))
