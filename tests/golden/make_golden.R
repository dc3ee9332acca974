# Writes nycflights.json: answers of R itself for the flight table that the repository carries.
#   Rscript tests/golden/make_golden.R          (from the repository's root; R with package jsonlite)
d <- read.csv("tests/data/nycflights.csv.gz", stringsAsFactors = TRUE)
d$w <- d$distance / 1000
d$k <- d$hour %% 4
d$late <- as.numeric(d$arr_delay > 15)

linear <- function(id, formula, options = character(), rows = TRUE, weights = NULL) {
  used <- d[rows, ]
  m <- do.call("lm", list(formula, quote(used), weights = if (is.null(weights)) NULL else used[[weights]]))
  s <- summary(m)
  list(id = id, verb = "linmod", formula = paste(deparse(formula, 500), collapse = ""), options = as.list(options),
       coefficients = data.frame(name = rownames(s$coefficients), estimate = s$coefficients[, 1], std_error = s$coefficients[, 2],
                                 t_value = s$coefficients[, 3], row.names = NULL),
       sigma = s$sigma, r_squared = s$r.squared, adj_r_squared = s$adj.r.squared, residual_squares = deviance(m), df_residual = m$df.residual,
       f = unname(s$fstatistic[1]), log_likelihood = as.numeric(logLik(m)), aic = AIC(m), n = length(m$residuals))
}
# Iterated until the coefficients stand still: R stops on the deviance alone and takes errors from the step before.
generalised <- function(id, formula, family, options = character(), weights = NULL, rows = TRUE) {
  used <- d[rows, ]
  m <- NULL
  for (again in 1:8)
    m <- suppressWarnings(do.call("glm", list(formula, family, quote(used), weights = if (is.null(weights)) NULL else used[[weights]],
                                              start = if (is.null(m)) NULL else unname(coef(m)), control = glm.control(1e-13, 100))))
  s <- summary(m)
  list(id = id, verb = "glm", formula = paste(deparse(formula, 500), collapse = ""), options = as.list(options),
       coefficients = data.frame(name = rownames(s$coefficients), estimate = s$coefficients[, 1], std_error = s$coefficients[, 2], row.names = NULL),
       deviance = deviance(m), null_deviance = m$null.deviance, dispersion = s$dispersion, df_residual = m$df.residual,
       aic = if (is.finite(AIC(m))) AIC(m) else NA, n = length(m$y))
}
moments <- function(id, x) list(id = id, verb = "summary", mean = mean(x), std_dev = sd(x), min = min(x), max = max(x), sum = sum(x), valid = length(x))
quantiles <- function(type) {
  x <- with(d, 60 * distance / air_time)
  p <- c(0, 0.001, 0.1, 0.25, 1 / 3, 0.5, 0.75, 0.99, 1)
  list(id = paste0("quantile_type_", type), verb = "quantile", formula = "~ 60 * distance/air_time", type = type, probs = p,
       quantiles = quantile(x, p, type = type, names = FALSE), valid = length(x))
}
breaks <- function(rule) {
  h <- hist(d$distance, rule, plot = FALSE)
  list(id = paste0("histogram_", tolower(rule)), verb = "histogram", formula = "~ distance", rule = tolower(rule), breaks = h$breaks,
       counts = h$counts, density = h$density)
}

cases <- list(
  linear("numeric", arr_delay ~ dep_delay + distance),
  linear("factors", arr_delay ~ dep_delay + distance + carrier + origin),
  linear("interaction", arr_delay ~ dep_delay * origin + distance),
  linear("no_intercept", arr_delay ~ origin + dep_delay - 1),
  linear("functions", log(distance) ~ I(dep_delay^2) + sqrt(air_time), character()),
  linear("weights", arr_delay ~ dep_delay + origin, c("--pweights", "w", "--transform", "w = distance / 1000"), weights = "w"),
  linear("zero_weights", arr_delay ~ dep_delay + origin, c("--pweights", "k", "--transform", "k = hour %% 4"), weights = "k"),
  linear("selection", arr_delay ~ dep_delay + carrier, c("--row-selection", "month %in% c(1, 2, 3) & dep_delay > 0"),
         rows = d$month %in% 1:3 & d$dep_delay > 0),
  generalised("logit", late ~ dep_delay + distance + carrier, binomial(), c("--family", "binomial", "--transform", "late = as.numeric(arr_delay > 15)")),
  generalised("cloglog", late ~ origin + hour, binomial("cloglog"), c("--family", "binomial", "--link", "cloglog", "--transform", "late = as.numeric(arr_delay > 15)")),
  generalised("poisson_offset", k ~ origin + offset(log(distance)), poisson(), c("--family", "poisson", "--transform", "k = hour %% 4")),
  generalised("gamma_weights", air_time ~ distance + origin, Gamma("log"), c("--family", "Gamma", "--link", "log", "--pweights", "w", "--transform", "w = distance / 1000"), weights = "w"),
  generalised("inverse_gaussian", air_time ~ log(distance), inverse.gaussian("log"), c("--family", "inverse.gaussian", "--link", "log")),
  generalised("quasi", air_time ~ log(distance) + origin, quasi(link = "log", variance = "mu^2"), c("--family", "quasi", "--link", "log", "--variance", "mu^2")),
  moments("arr_delay", d$arr_delay), moments("distance", d$distance), moments("air_time", d$air_time))
cases <- c(cases, lapply(1:9, quantiles), lapply(c("Sturges", "Scott", "FD"), breaks))
writeLines(jsonlite::toJSON(cases, digits = NA, auto_unbox = TRUE, pretty = 1, na = "null"), "tests/golden/nycflights.json")
