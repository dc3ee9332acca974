# kmeans.R K ITERATIONS COLUMNS FILE: seconds of kmeans(algorithm = "Lloyd") from the first K rows.
suppressPackageStartupMessages(library(data.table))
words <- commandArgs(trailingOnly = TRUE)
k <- as.integer(words[1])
x <- as.matrix(fread(words[4], select = strsplit(words[3], ",")[[1]], showProgress = FALSE))
invisible(gc())
time <- system.time(fit <- suppressWarnings(kmeans(x, x[1:k, ], iter.max = as.integer(words[2]), algorithm = "Lloyd")))
cat(sprintf('{"seconds": %.6f, "rows": %d, "check": %.15g}\n', time[["elapsed"]], nrow(x), sum(fit$centers^2)))
