# roc.R SCORE FILE: seconds of the area under the curve over all distinct scores, for y > 1; the columns being in memory.
suppressPackageStartupMessages(library(data.table))
args <- commandArgs(trailingOnly = TRUE)
table <- fread(args[2], select = c("y", args[1]), showProgress = FALSE)
score <- table[[args[1]]]
positive <- table$y > 1
invisible(gc())
time <- system.time({
  by_score <- order(score, decreasing = TRUE)
  s <- score[by_score]
  hits <- cumsum(positive[by_score])
  false_alarms <- cumsum(!positive[by_score])
  last <- c(s[-1] != s[-length(s)], TRUE)
  sensitivity <- c(0, hits[last] / hits[length(hits)])
  alarm_rate <- c(0, false_alarms[last] / false_alarms[length(false_alarms)])
  area <- sum(diff(alarm_rate) * (head(sensitivity, -1) + tail(sensitivity, -1)) / 2)
})
cat(sprintf('{"seconds": %.6f, "rows": %d, "check": %.15g}\n', time[["elapsed"]], length(score), area))
