# Writes cells.json: cells of factors and tests of tables by R itself for the flight table that the repository carries.
#   Rscript tests/golden/cells.R          (from the repository's root; R with package jsonlite)
d <- read.csv("tests/data/nycflights.csv.gz", stringsAsFactors = TRUE)
d$w <- d$distance / 1000
d$far <- ifelse(d$distance < 500, NA, d$arr_delay)
d$late <- factor(ifelse(d$arr_delay > 15, "late", "on time"), levels = c("on time", "late"))
d$evening <- factor(ifelse(d$hour >= 17, "evening", "day"), levels = c("day", "evening"))
small <- d[d$month == 2 & d$hour >= 18 & d$carrier %in% c("AA", "B6", "DL", "UA"), ]
small <- droplevels(small[seq(1, nrow(small), by = 5), ])

# First factor fastest, as R's arrays are.
cube <- function(id, formula, y, factors, options = character(), w = NULL) {
  ok <- if (is.null(y)) rep(TRUE, nrow(d)) else !is.na(d[[y]])
  by <- lapply(d[factors], function(f) factor(f)[ok])
  weight <- if (is.null(w)) rep(1, sum(ok)) else d[[w]][ok]
  counts <- tapply(weight, by, sum)
  counts[is.na(counts)] <- 0
  sums <- if (!is.null(y)) tapply(weight * d[[y]][ok], by, sum)
  list(id = id, formula = formula, options = as.list(options), y = y, counts = as.vector(counts), sums = as.vector(sums), means = as.vector(sums / counts))
}
# Rows: the first factor.
tests <- function(id, formula, t, options = character()) {
  chi <- chisq.test(t)
  out <- list(id = id, formula = formula, options = as.list(options), values = lapply(seq_len(nrow(t)), function(i) unname(t[i, ])),
              chisquare = c(chi$statistic, chi$parameter, chi$p.value))
  k <- suppressWarnings(cor.test(as.vector(row(t)[rep(seq_along(t), t)]), as.vector(col(t)[rep(seq_along(t), t)]), method = "kendall", exact = FALSE))
  out$kendall <- c(k$estimate, k$p.value)
  if (all(dim(t) == 2)) {
    f <- fisher.test(t)
    out$fisher <- c(f$p.value, f$estimate, f$conf.int)
  } else if (sum(t) < 500) out$fisher <- fisher.test(t, workspace = 2e7)$p.value
  out
}
cases <- list(
  cubes = list(
    cube("means", "arr_delay ~ carrier:origin", "arr_delay", c("carrier", "origin")),
    cube("holes", "far ~ origin:F(hour)", "far", c("origin", "hour"), c("--transform", "far = ifelse(distance < 500, NA, arr_delay)")),
    cube("weights", "arr_delay ~ origin:F(month)", "arr_delay", c("origin", "month"), c("--pweights", "w", "--transform", "w = distance / 1000"), "w"),
    cube("counts", "~ F(month):carrier:origin", NULL, c("month", "carrier", "origin"))),
  tables = list(
    tests("carrier", "~ origin:carrier", unclass(table(d$origin, d$carrier))),
    tests("two_by_two", "~ evening:late", unclass(table(d$evening, d$late)),
          c("--transform", "evening = factor(ifelse(hour >= 17, 'evening', 'day'), levels = c('day', 'evening'))",
            "--transform", "late = factor(ifelse(arr_delay > 15, 'late', 'on time'), levels = c('on time', 'late'))")),
    tests("small", "~ carrier:F(hour)", unclass(table(small$carrier, small$hour)), c("--row-selection", paste0("id %in% c(", paste(which(
      seq_len(nrow(d)) %in% as.integer(rownames(small))), collapse = ", "), ")"), "--transform", "id = .rxRowNums")),
    tests("weighted", "n ~ origin:F(month)", unclass(xtabs(n ~ origin + month, transform(d, n = hour %% 4))), c("--transform", "n = hour %% 4"))))
writeLines(jsonlite::toJSON(cases, digits = NA, auto_unbox = TRUE, pretty = 1, na = "null"), "tests/golden/cells.json")
