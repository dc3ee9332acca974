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

# Stepwise selection: step() itself, and F tests one by one
small <- d[d$month == 1 & d$dep_delay < 200, ]
small <- small[seq(1, nrow(small), 7), ]
small$row <- NULL
path <- function(s) data.frame(step = trimws(as.character(s$anova$Step)), df = s$anova$Df, deviance = s$anova$Deviance, resid_df = s$anova[["Resid. Df"]],
                               resid_dev = s$anova[["Resid. Dev"]], aic = s$anova$AIC)
step_case <- function(id, start, lower, upper, direction, options = character(), weights = NULL, k = 2) {
  m <- do.call("lm", list(start, quote(small), weights = if (is.null(weights)) NULL else small[[weights]]))
  s <- step(m, scope = list(lower = lower, upper = upper), direction = direction, trace = 0, k = k)
  b <- coef(s)[!is.na(coef(s))]
  list(id = id, start = deparse1(start), lower = deparse1(lower), upper = deparse1(upper), method = if (direction == "both") "stepwise" else direction,
       options = as.list(options), path = path(s), names = as.list(names(b)), estimates = unname(b))
}
by_f <- function(method, level, start, upper) {
  m <- do.call("lm", list(start, quote(small)))
  steps <- ""
  repeat {
    table <- if (method == "backward") drop1(m, test = "F")[-1, ] else add1(m, upper, test = "F")[-1, ]
    p <- table[["Pr(>F)"]]
    at <- if (method == "backward") which.max(p) else which.min(p)
    if (length(at) == 0 || (if (method == "backward") p[at] <= level else p[at] >= level)) break
    steps <- c(steps, paste(if (method == "backward") "-" else "+", rownames(table)[at]))
    m <- update(m, paste("~ .", steps[length(steps)]))
  }
  list(method = method, level = level, start = deparse1(start), upper = deparse1(upper), steps = as.list(steps))
}
full <- ~ dep_delay + distance + air_time + hour + origin + carrier
stepwise <- list(
  step_case("both", arr_delay ~ 1, ~ 1, full, "both"),
  step_case("backward", arr_delay ~ dep_delay + distance + air_time + hour + origin + carrier, ~ dep_delay, full, "backward"),
  step_case("interactions", arr_delay ~ hour, ~ 1, ~ dep_delay * origin + air_time * hour + distance, "both"),
  step_case("forward", arr_delay ~ origin, ~ 1, full, "forward", c("--step-k", "7.5"), k = 7.5),
  step_case("weights", arr_delay ~ 1, ~ 1, ~ dep_delay + distance + origin * hour, "both", c("--pweights", "w"), "w"))
tests <- list(by_f("forward", 0.01, arr_delay ~ 1, full), by_f("backward", 0.05, arr_delay ~ dep_delay + distance + air_time + hour + origin + carrier, full))

# Robust covariances (White; MacKinnon & White) and variance inflation (Fox & Monette) by their definitions
robust <- function(id, formula, options = character(), weights = NULL) {
  m <- do.call("lm", list(formula, quote(small), weights = if (is.null(weights)) NULL else small[[weights]]))
  x <- model.matrix(m)
  w <- if (is.null(weights)) rep(1, nrow(x)) else small[[weights]]
  e <- residuals(m); h <- hatvalues(m); bread <- solve(crossprod(x, w * x)); n <- nrow(x)
  of <- function(u) unname(sqrt(diag(bread %*% crossprod(x, u * x) %*% bread)))
  r <- cov2cor(vcov(m))[-1, -1]
  gvif <- sapply(unique(m$assign[m$assign > 0]), function(t) { s <- which(m$assign[-1] == t); det(r[s, s, drop = FALSE]) * det(r[-s, -s, drop = FALSE]) / det(r) })
  list(id = id, formula = deparse1(formula), options = as.list(options), names = as.list(colnames(x)), HC0 = of((w * e)^2),
       HC1 = of((w * e)^2) * sqrt(n / (n - ncol(x))), HC2 = of((w * e)^2 / (1 - h)), HC3 = of((w * e)^2 / (1 - h)^2), gvif = gvif)
}
robust_cases <- list(robust("numbers", arr_delay ~ dep_delay + distance + air_time), robust("factors", arr_delay ~ dep_delay + origin + hour),
                     robust("weighted", arr_delay ~ dep_delay + origin + distance, c("--pweights", "w"), "w"))

writeLines(jsonlite::toJSON(list(covariance = covariance, princomp = components, ridge = ridge, roc = roc, stepwise = stepwise, step_tests = tests, robust = robust_cases), digits = NA, auto_unbox = TRUE, pretty = 1, na = "null"),
           "tests/golden/regression.json")
