# covcor.R COLUMNS FILE: seconds of cov() of these columns, the table being in memory.
suppressPackageStartupMessages(library(data.table))
args <- commandArgs(trailingOnly = TRUE)
table <- as.matrix(as.data.frame(fread(args[2], select = strsplit(args[1], ",")[[1]], showProgress = FALSE)))
invisible(gc())
time <- system.time(result <- cov(table))
cat(sprintf('{"seconds": %.6f, "rows": %d, "check": %.15g}\n', time[["elapsed"]], nrow(table), sum(result)))
