# summary.R FILE: seconds that base R takes for what `summary` (and rxSummary) reports of every column.
# Both leave missing values out and count them, so this does, too: na.rm = TRUE and the two counts are part of the work that is compared.
# Without them R would be asked for less than it stands beside, and would answer NA where a single value is missing.
suppressPackageStartupMessages(library(data.table))
table <- as.data.frame(fread(commandArgs(trailingOnly = TRUE)[1], showProgress = FALSE))
invisible(gc())
time <- system.time(
  statistics <- sapply(table, function(x) {
    missing <- sum(is.na(x))
    c(mean = mean(x, na.rm = TRUE), sd = sd(x, na.rm = TRUE), min = min(x, na.rm = TRUE), max = max(x, na.rm = TRUE),
      valid = length(x) - missing, missing = missing)
  })
)
cat(sprintf('{"seconds": %.6f, "rows": %d, "check": %.15g}\n', time[["elapsed"]], nrow(table), statistics["sd", ncol(table)]))
