# summary.R FILE: seconds that base R takes for mean, standard deviation, minimum and maximum of every column.
suppressPackageStartupMessages(library(data.table))
table <- as.data.frame(fread(commandArgs(trailingOnly = TRUE)[1], showProgress = FALSE))
invisible(gc())
time <- system.time(
  statistics <- sapply(table, function(x) c(mean = mean(x), sd = sd(x), min = min(x), max = max(x)))
)
cat(sprintf('{"seconds": %.6f, "rows": %d, "check": %.15g}\n', time[["elapsed"]], nrow(table), statistics["sd", ncol(table)]))
