# glm.R FORMULA FAMILY ROWS FILE: seconds of glm.fit() on a model matrix that is there, and of the inference that summary() adds.
suppressPackageStartupMessages(library(data.table))
args <- commandArgs(trailingOnly = TRUE)
model <- as.formula(args[1])
family <- eval(parse(text = args[2]))
table <- as.data.frame(fread(args[4], nrows = as.numeric(args[3]), stringsAsFactors = TRUE, showProgress = FALSE))
frame <- model.frame(model, table)
x <- model.matrix(model, frame)
y <- model.response(frame)
invisible(gc())
time <- system.time({
  fit <- glm.fit(x, y, family = family)
  class(fit) <- "glm"
  errors <- summary(fit)$coefficients
})
cat(sprintf('{"seconds": %.6f, "rows": %d, "check": %.15g}\n', time[["elapsed"]], nrow(table), fit$deviance))
