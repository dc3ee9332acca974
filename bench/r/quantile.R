# quantile.R COLUMN FILE: seconds that R's quantile() takes for five probabilities of one column.
suppressPackageStartupMessages(library(data.table))
words <- commandArgs(trailingOnly = TRUE)
x <- as.data.frame(fread(words[2], select = words[1], showProgress = FALSE))[[1]]
invisible(gc())
time <- system.time(q <- quantile(x, c(0, 0.25, 0.5, 0.75, 1), names = FALSE))
cat(sprintf('{"seconds": %.6f, "rows": %d, "check": %.15g}\n', time[["elapsed"]], length(x), sum(q)))
