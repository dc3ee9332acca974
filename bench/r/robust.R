# robust.R FORMULA FILE: seconds of lm() and of White's errors with the factor n / (n - p) (HC1), by the formula; the table being in memory.
suppressPackageStartupMessages(library(data.table))
args <- commandArgs(trailingOnly = TRUE)
model <- as.formula(args[1])
table <- as.data.frame(fread(args[2], showProgress = FALSE))
invisible(gc())
time <- system.time({
  fit <- lm(model, data = table)
  x <- model.matrix(fit)
  bread <- chol2inv(qr.R(fit$qr))
  meat <- crossprod(x * resid(fit))
  covariance <- bread %*% meat %*% bread * nrow(x) / fit$df.residual
  errors <- sqrt(diag(covariance))
})
cat(sprintf('{"seconds": %.6f, "rows": %d, "check": %.15g}\n', time[["elapsed"]], nrow(table), sum(errors)))
