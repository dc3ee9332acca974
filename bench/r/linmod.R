# linmod.R FORMULA ROWS FILE: seconds of lm() on the first ROWS rows, the table being in memory.
suppressPackageStartupMessages(library(data.table))
args <- commandArgs(trailingOnly = TRUE)
model <- as.formula(args[1])
table <- fread(args[3], nrows = as.numeric(args[2]), stringsAsFactors = TRUE, showProgress = FALSE)
table <- as.data.frame(table)
invisible(gc())
time <- system.time(fit <- lm(model, data = table))
cat(sprintf('{"seconds": %.6f, "rows": %d, "check": %.15g}\n', time[["elapsed"]], nrow(table), sum(resid(fit)^2)))
