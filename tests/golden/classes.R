# Writes classes.json: answers of R itself for the flight table that the repository carries: clusters, and naive Bayes from table() and dnorm().
#   Rscript tests/golden/classes.R          (from the repository's root; R with package jsonlite)
d <- read.csv("tests/data/nycflights.csv.gz", stringsAsFactors = TRUE)
d$far <- ifelse(d$distance < 500, NA, d$distance)
rows <- function(m) lapply(seq_len(nrow(m)), function(i) unname(m[i, ]))

clusters <- function(id, vars, starts, iterations = 1000) {
  x <- as.matrix(d[vars])
  x <- x[complete.cases(x), ]
  k <- suppressWarnings(kmeans(x, x[starts, ], iter.max = iterations, algorithm = "Lloyd"))
  list(id = id, vars = vars, start = rows(x[starts, , drop = FALSE]), max_iterations = iterations, centers = rows(k$centers), size = k$size,
       withinss = k$withinss, betweenss = k$betweenss, totss = k$totss, iterations = k$iter, cluster = k$cluster[1:200])
}
bayes <- function(id, formula, s) {
  y <- d[[all.vars(formula)[1]]]
  log_p <- matrix(log(as.numeric(table(y)) / length(y)), length(y), nlevels(y), byrow = TRUE)
  tables <- list()
  for (v in all.vars(formula)[-1]) {
    x <- d[[v]]
    if (is.factor(x)) {
      share <- (table(y, x) + s) / (rowSums(table(y, x)) + s * nlevels(x))
      more <- t(log(share))[x, ]
      tables[[v]] <- list(levels = levels(x), values = rows(unclass(share)))
    } else {
      m <- tapply(x, y, mean, na.rm = TRUE)
      sd <- tapply(x, y, sd, na.rm = TRUE)
      more <- sapply(levels(y), function(c) dnorm(x, m[c], sd[c], log = TRUE))
      tables[[v]] <- list(levels = c("mean", "std_dev"), values = rows(cbind(m, sd)))
    }
    more[is.na(more)] <- 0
    log_p <- log_p + more
  }
  p <- exp(log_p - apply(log_p, 1, max))
  p <- p / rowSums(p)
  list(id = id, formula = paste(deparse(formula, 500), collapse = ""), smoothing = s, classes = levels(y), apriori = as.numeric(table(y)) / length(y),
       tables = tables, prob = rows(p[1:50, ]), truth = sum(p[cbind(seq_along(y), as.integer(y))]), class = levels(y)[max.col(p, "first")][1:200])
}
cases <- list(
  kmeans = list(
    clusters("delays", c("dep_delay", "arr_delay"), c(1, 50, 1000)),
    clusters("four_variables", c("dep_delay", "arr_delay", "air_time", "distance"), c(10, 200, 3000, 4000, 5000, 30000)),
    clusters("stopped", c("air_time", "hour"), c(3, 4, 5, 7), 4),
    clusters("with_holes", c("far", "air_time"), c(1, 2, 10))),
  naive_bayes = list(
    bayes("mixed", origin ~ carrier + distance + hour, 0.5),
    bayes("holes", origin ~ far + arr_delay + carrier, 1)))
writeLines(jsonlite::toJSON(cases, digits = NA, auto_unbox = TRUE, pretty = 1, na = "null"), "tests/golden/classes.json")
