# predict.R FORMULA FILE: seconds of predict() of a linear model for all rows, the table being in memory; the model is fitted to the first 20,000.
suppressPackageStartupMessages(library(data.table))
args <- commandArgs(trailingOnly = TRUE)
table <- as.data.frame(fread(args[2], showProgress = FALSE))
fit <- lm(as.formula(args[1]), data = table[1:20000, ])
invisible(gc())
time <- system.time(fitted <- predict(fit, table))
cat(sprintf('{"seconds": %.6f, "rows": %d, "check": %.15g}\n', time[["elapsed"]], nrow(table), mean(fitted)))
