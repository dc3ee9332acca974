# elasticnet.R ALPHA LAMBDAS COLUMNS FILE: seconds of coordinate descent for the elastic net of y, warm from penalty to penalty, the table being in memory.
suppressPackageStartupMessages(library(data.table))
args <- commandArgs(trailingOnly = TRUE)
alpha <- as.numeric(args[1])
lambdas <- as.numeric(strsplit(args[2], ",")[[1]])
columns <- strsplit(args[3], ",")[[1]]
table <- as.data.frame(fread(args[4], select = c("y", columns), showProgress = FALSE))
x <- as.matrix(table[columns])
y <- table$y
invisible(gc())
time <- system.time({
  x <- sweep(x, 2, colMeans(x))
  n <- nrow(x)
  squares <- colSums(x^2) / n
  beta <- numeric(ncol(x))
  left <- y - mean(y)
  path <- sapply(lambdas, function(lambda) {
    repeat {
      before <- beta
      for (j in seq_along(beta)) {
        z <- sum(x[, j] * left) / n + squares[j] * beta[j]
        new <- sign(z) * max(abs(z) - lambda * alpha, 0) / (squares[j] + lambda * (1 - alpha))
        if (new != beta[j]) left <<- left - x[, j] * (new - beta[j])
        beta[j] <<- new
      }
      if (max(abs(beta - before)) <= 1e-11 * max(abs(beta))) break
    }
    beta
  })
})
cat(sprintf('{"seconds": %.6f, "rows": %d, "check": %.15g}\n', time[["elapsed"]], n, sum(path^2)))
