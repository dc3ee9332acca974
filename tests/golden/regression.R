# Writes regression.json: answers of R itself for the flight table that the repository carries, for the tools around the linear model.
#   Rscript tests/golden/regression.R          (from the repository's root; R with package jsonlite)
d <- read.csv("tests/data/nycflights.csv.gz", stringsAsFactors = TRUE)
d$w <- d$distance / 1000
d$k <- d$hour %% 4
d$gain <- d$dep_delay - d$arr_delay
d$late <- ifelse(d$dep_delay > 60, NA, d$dep_delay)
d$far <- ifelse(d$distance < 500, NA, d$distance)
transforms <- c("--transform", "w = distance / 1000", "--transform", "k = hour %% 4", "--transform", "gain = dep_delay - arr_delay",
                "--transform", "late = ifelse(dep_delay > 60, NA, dep_delay)", "--transform", "far = ifelse(distance < 500, NA, distance)")

# Covariances
vars <- c("dep_delay", "arr_delay", "distance", "air_time")
holes <- c("late", "far", "air_time")
x <- as.matrix(d[vars])
rows <- function(m) lapply(seq_len(nrow(m)), function(i) unname(m[i, ]))
matrix_case <- function(id, formula, options, field, m) list(id = id, formula = formula, options = as.list(c(options, transforms)), field = field, matrix = rows(m))
p <- cov.wt(x, d$w, method = "ML")$cov * nrow(x) / (nrow(x) - 1)
f <- cov(x[rep(seq_len(nrow(x)), d$k), ])
dummies <- cbind(d$air_time, sapply(levels(d$origin), function(l) as.integer(d$origin == l)), sapply(levels(d$origin), function(l) d$air_time * (d$origin == l)))
four <- "~ dep_delay + arr_delay + distance + air_time"
three <- "~ late + far + air_time"
covariance <- list(
  matrix_case("cov", four, character(), "cov", cov(x)),
  matrix_case("cor", four, c("--type", "cor"), "cor", cor(x)),
  matrix_case("sscp", four, c("--type", "sscp"), "sscp", crossprod(cbind(1, x))),
  matrix_case("pweights", four, c("--pweights", "w"), "cov", p),
  matrix_case("fweights", four, c("--fweights", "k"), "cov", f),
  matrix_case("factor", "~ air_time + origin + air_time:origin", character(), "cov", cov(dummies)),
  matrix_case("complete", three, character(), "cov", cov(d[holes], use = "complete.obs")),
  matrix_case("pairwise_cov", three, c("--use", "pairwise.complete.obs"), "cov", cov(d[holes], use = "pairwise.complete.obs")),
  matrix_case("pairwise_cor", three, c("--use", "pairwise.complete.obs", "--type", "cor"), "cor", cor(d[holes], use = "pairwise.complete.obs")))

# Principal components, of the covariances and of the correlations; signs are a convention
components <- lapply(c(FALSE, TRUE), function(cor) {
  pc <- prcomp(x, scale. = cor)
  list(id = if (cor) "princomp of cor" else "princomp of cov", formula = four, type = if (cor) "cor" else "cov", std_devs = unname(pc$sdev),
       loadings = rows(pc$rotation), scores = rows(pc$x[1:20, ]))
})

# Ridge regression on the correlation matrix
r <- cor(x)
s <- apply(x, 2, sd)
ridge <- lapply(c(0, 0.05, 2), function(lambda) {
  b <- solve(r[-1, -1] + lambda * diag(3), r[-1, 1]) * s[1] / s[-1]
  list(lambda = lambda, estimates = unname(c(mean(x[, 1]) - sum(b * colMeans(x[, -1])), b)))
})

# ROC: DeLong's variance by the definition
area <- function(y, x) {
  p <- x[y]; n <- x[!y]
  own <- function(at, below) { u <- sort(unique(at)); v <- sapply(u, function(t) mean(below < t) + mean(below == t) / 2); v[match(at, u)] }
  v10 <- own(p, n); v01 <- 1 - own(n, p)
  list(auc = mean(v10), std_error = sqrt(var(v10) / length(p) + var(v01) / length(n)))
}
late15 <- d$arr_delay > 15
roc <- lapply(c("dep_delay", "distance", "air_time"), function(name) c(list(name = name), area(late15, d[[name]])))

writeLines(jsonlite::toJSON(list(covariance = covariance, princomp = components, ridge = ridge, roc = roc), digits = NA, auto_unbox = TRUE, pretty = 1, na = "null"),
           "tests/golden/regression.json")
