# cube.R FILE: seconds that base R takes for the mean of y in the cells of two factors.
suppressPackageStartupMessages(library(data.table))
table <- as.data.frame(fread(commandArgs(trailingOnly = TRUE)[1], showProgress = FALSE, select = c("y", "day", "month")))
table$day <- factor(table$day)
table$month <- factor(table$month)
invisible(gc())
time <- system.time(means <- tapply(table$y, list(table$day, table$month), mean))
cat(sprintf('{"seconds": %.6f, "rows": %d, "check": %.15g}\n', time[["elapsed"]], nrow(table), sum(means)))
