#include "verbs.hpp"

#include "rxhpc/errors.hpp"
#include "rxhpc/schema.hpp"

namespace rxhpc::app {
namespace {

const OptionGroup rows_group{
    "Rows",
    {{"row-selection", Kind::text, "EXPR", "use the rows where this R expression is true, not missing"},
     {"transform", Kind::text, "'NAME = EXPR'",
      "add or replace a column by an R expression; transforms run in the order given and see one another; `NAME = NULL` drops a column; the "
      "selection comes last",
      true}}};

const OptionGroup weights_group{
    "Weights",
    {{"pweights", Kind::text, "COL", "column of probability weights: they scale the variance of a row"},
     {"fweights", Kind::text, "COL", "column of frequency weights: a row stands for that many rows"}}};

const OptionGroup text_group{
    "Reading text",
    {{"col-info", Kind::input, "FILE",
      "JSON object: column to {type, levels, new_levels, new_name, description, low, high}; wins over --col-classes"},
     {"col-classes", Kind::list, "a=factor,b=numeric",
      "types of columns: logical, integer, int16, uint16, float32, numeric, character, factor, ordered, Date, POSIXct"},
     {"missing-value-string", Kind::any_text, "S",
      "missing values are written S (default NA); an empty unquoted field is always missing", true},
     {"rows-per-read", Kind::integer, "N", "rows a chunk of the grid (default 131072)", false, 1},
     {"sort-levels", Kind::flag, "", "a factor without given levels gets them sorted, not by first appearance"},
     {"delimiter", Kind::text, "C", "the character between fields, or `tab` (default: sensed among comma, tab, semicolon and bar)"},
     {"first-row-is-col-names", Kind::flag, "BOOL", "the first line holds the names (default true)"},
     {"default-decimal-col-type", Kind::choice, "numeric|float32",
      "type of columns with decimals (default numeric: doubles; RevoScaleR's default, float32, keeps seven digits)"},
     {"rows-to-skip", Kind::integer, "N", "lines to leave out before the header (default 0)", false, 0}}};

const OptionGroup cells_group{
    "Cells",
    {{"use-na", Kind::choice, "no|ifany|always",
      "rows where a factor is missing: left out (default), or a level of its own, in factors where one is missing or in all"},
     {"use-sparse-cube", Kind::flag, "", "keep the cells that occur alone: a billion possible ones cost nothing"},
     {"remove-zero-counts", Kind::flag, "BOOL", "leave out cells without rows (default: with --use-sparse-cube)"}}};

const OptionGroup columns_group{
    "Columns",
    {{"vars-to-keep", Kind::list, "a,b", "write these columns alone (by their new names, where --col-info gives them), in the order of the input"},
     {"vars-to-drop", Kind::list, "a,b", "write all columns but these"}}};

const Option overwrite{"overwrite", Kind::flag, "", "replace a file that exists"};

const OptionGroup output_group{
    "Writing tables",
    {overwrite,
     {"codec", Kind::choice, "none|fast|portable|small",
      "compression of an HDF5 table (default none: narrow types only; fast: LZ4, portable: deflate, small: Zstandard)"},
     {"rows-per-part", Kind::integer, "N", "rows of each part of a directory of parts (OUTPUT ends in /), a multiple of the chunk length", false, 1}}};

const OptionGroup replace_group{"Writing", {overwrite}};

const OptionGroup append_rows_group{
    "Appending",
    {{"append", Kind::choice, "none|rows",
      "rows: add to a table that exists, which needs no --overwrite; the file is written anew and renamed (default none)"}}};

const Option penalty{"s", Kind::number, "LAMBDA", "the penalty at which an elastic-net path is taken; between two of the path coefficients are interpolated, as in glmnet"};

const OptionGroup fit_group{
    "Fitting",
    {{"model", Kind::text, "FILE", "write the model here, for predict"},
     {"drop-first", Kind::flag, "", "the first level of a factor is the reference, not the last"},
     {"drop-main", Kind::flag, "BOOL", "where columns are dependent, drop main effects before interactions (default true)"},
     {"cube", Kind::flag, "",
      "the first term, a factor or an interaction of factors, gets a coefficient for every cell and there is no intercept; gives the cells' counts too"},
     {"cube-predictions", Kind::flag, "",
      "with --cube: also the model's prediction for every cell, all other columns at their (weighted) means; given anyway where the cells are the whole model"},
     {"cov-coef", Kind::flag, "", "also give the covariance matrix of the coefficients; predict needs it for standard errors"},
     {"cov-data", Kind::flag, "", "also give the covariance matrix of the columns that the coefficients but the intercept belong to (in the JSON); logit, glm: one more pass"},
     {"like-r", Kind::flag, "", "do as R's own functions where RevoScaleR differs: first level dropped, R's coefficient names and aliasing"},
     {"overwrite", Kind::flag, "", "replace a model file that exists"}}};

const OptionGroup iterations_group{
    "Iterations",
    {{"max-iterations", Kind::integer, "N", "give up after so many (default 25; elastic-net paths: 100): exit status 4, and no model", false, 1},
     {"coeff-tolerance", Kind::number, "X", "converged when no coefficient changes by more than X times the largest (default 1e-6; 0: never so)"},
     {"objective-function-tolerance", Kind::number, "X", "converged when the deviance changes by less than X times itself (default 1e-8; 0: never so)"},
     {"initial-values", Kind::text, "NULL|NA|X|A,B,...",
      "start from a linear regression of the response (NULL, logit's default), from the family's means (NA, glm's default), from one number for all "
      "coefficients, or from one for each, dropped ones too; a start that fails is followed by the other"},
     {"return-always", Kind::flag, "", "a fit that does not converge is a result all the same: exit status 0, and a model"},
     {"offset", Kind::text, "COL", "a column that enters with coefficient 1, as offset(COL) in the formula does"},
     {"conf-level", Kind::number, "P", "level of the coefficients' confidence limits (default 0.95)"},
     {"checkpoint", Kind::text, "FILE", "write the state of the fit here after every pass over the rows, so that a job that ends can be resumed"},
     {"resume", Kind::flag, "", "go on from --checkpoint, where that file exists: the same bits as a fit that was never broken off"},
     {"anova-with", Kind::input, "MODEL", "also compare this fit with a model fitted before, one of the two being nested in the other"}}};

const OptionGroup robust_group{
    "Robust standard errors",
    {{"robust", Kind::choice, "HC0|HC1|HC2|HC3",
      "standard errors, tests, cov_coef and (logit, glm) confidence limits from a covariance that holds where the rows' variances differ; costs another pass"},
     {"cluster", Kind::text, "COL",
      "the same where rows of equal value in this column (a factor, text, or whole numbers) depend on one another: --robust HC1, unless HC0 is given"}}};

const OptionGroup linear_group{
    "Linear models",
    {{"vif", Kind::flag, "", "also variance inflation factors, generalised for terms of several coefficients"},
     {"anova", Kind::flag, "", "also the sequential analysis of variance, term by term, main effects first, as R's anova(fit)"},
     {"anova-with", Kind::input, "MODEL", "also the F test against a model fitted before, one of the two being nested in the other, as R's anova(fit1, fit2)"}}};

const OptionGroup path_group{
    "Elastic net",
    {{"alpha", Kind::number, "A", "penalise coefficients: 1 the lasso (default), 0 ridge, between them both; any option of this group asks for a path of penalised fits"},
     {"lambda", Kind::list, "1,0.1,0.01", "the penalties (default: --n-lambda of them, falling in proportion from the least that leaves no coefficient)"},
     {"n-lambda", Kind::integer, "N", "how many penalties (default 100); the path ends early where they do not matter any more", false, 1},
     {"lambda-min-ratio", Kind::number, "R", "the last penalty over the first (default 1e-4; 1e-2 where there are fewer rows than columns)"},
     {"standardize", Kind::flag, "BOOL", "penalise the coefficients of columns scaled to standard deviation 1 (default true); results are always on the columns' own scale"}}};

const OptionGroup step_group{
    "Stepwise selection",
    {{"step-method", Kind::choice, "stepwise|forward|backward",
      "select terms: add and drop, add, or drop (default: stepwise where a scope is given, else backward); any option of this group asks for selection"},
     {"step-scope-lower", Kind::text, "'~ a'", "terms that stay (default: the intercept)"},
     {"step-scope-upper", Kind::text, "'~ a + b'", "terms that may be in the model (default: those of the formula, which `.` stands for)"},
     {"step-criterion", Kind::choice, "aic|sig-level", "go by the AIC (default) or by the p-values of F tests (chi-squared where the family has no dispersion)"},
     {"max-steps", Kind::integer, "N", "at most so many steps (default 1000)", false, 0},
     {"max-sig-level-to-add", Kind::number, "P", "sig-level: a term comes in below this p-value (default 0.50 forward, 0.15 stepwise)"},
     {"min-sig-level-to-drop", Kind::number, "P", "sig-level: a term leaves above this p-value (default 0.10 backward, 0.15 stepwise)"},
     {"keep-step-coefs", Kind::flag, "", "also give the coefficients of every step"},
     {"step-scale", Kind::number, "S", "known residual variance: AIC becomes Mallows' Cp (default 0: estimated)"},
     {"step-k", Kind::number, "K", "weight of a degree of freedom in the AIC (default 2; log(n) gives the BIC)"},
     {"step-test", Kind::choice, "F|Chisq", "sig-level: the test (default F; Chisq where the family has no dispersion)"},
     {"refit-each-step", Kind::flag, "BOOL",
      "logit, glm: every candidate is a fit of its own (default true); false: one fit, of all terms, scores them all, and the terms chosen are fitted once. linmod: both are the same"}}};

// A verb that writes nothing else that may exist takes the group; one that has --overwrite already adds the option to a group of its own.
const Option plot_option{"plot", Kind::text, "FILE.svg", "draw the result"};
const OptionGroup plot_group{"Plot", {plot_option, {"overwrite", Kind::flag, "", "replace a plot that exists"}}};

const OptionGroup common_group{
    "Common",
    {{"json", Kind::text, "FILE", "write the result as one JSON object; `-`: to standard output, and nothing else there"},
     {"threads", Kind::integer, "N", "threads of each rank, at most 512 (default: the cores it may use, shared by the ranks on the node)", false, 1},
     {"memory-limit", Kind::size, "SIZE",
      "anonymous memory of one rank, such as 500M or 4G (default: half of the node's free memory, shared by its ranks)"},
     {"report-progress", Kind::choice, "0|1|2|3",
      "to standard error: 0 nothing, 1 progress while it runs (a bar on a terminal, plain lines in a log), 2 also a closing line with rows/s "
      "(default), 3 also where the time went"},
     {"quiet", Kind::flag, "", "print nothing but errors; --json is still written"}}};

const Positional input{"INPUT",
                       "an HDF5 table (a file, or a directory of parts), the group of any HDF5 file (FILE.h5:/group) or delimited text "
                       "(.csv, .tsv, .txt, also gzipped), told apart by content"};
const Positional output{"OUTPUT",
                        "text where the name ends in .csv, .tsv or .txt (also .gz), a directory of parts where it ends in /, else an HDF5 table"};

}  // namespace

const std::vector<Verb>& verbs() {
  static const OptionGroup summary_group{
      "Summary",
      {{"summary-stats", Kind::list, "Median,IQR,MAD",
        "median, interquartile range and median absolute deviation (any of them gives all three), which take passes of their own; the others are always given"},
       {"by-term", Kind::flag, "BOOL", "leave a row out of the terms where it is missing alone (default true), not out of all"},
       {"use-zone-map", Kind::flag, "BOOL", "answer from what the table knows of its chunks where that is possible (default true), without reading rows"}}};
  static const OptionGroup quantile_group{
      "Quantiles",
      {{"probs", Kind::list, "0,0.25,1", "probabilities (default 0,0.25,0.5,0.75,1)"},
       {"type", Kind::choice, "1|2|3|4|5|6|7|8|9",
        "R's type of quantile (default: RevoScaleR's rule, type 1 for whole numbers and type 4 for others)"}}};
  static const OptionGroup covcor_group{
      "Matrix",
      {{"type", Kind::choice, "cov|cor|sscp", "covariances (default), correlations, or sums of squares and cross products with the constant"},
       {"use", Kind::choice, "complete.obs|pairwise.complete.obs",
        "the rows where no variable is missing (default), or for each pair of variables the rows where both are present, as R's cov(use = ) does"},
       {"keep-all", Kind::flag, "BOOL", "keep the last level of a factor, which the others determine (default true)"},
       {"var-tol", Kind::number, "TOL", "leave out variables whose variance is not above TOL (default 1e-12)"},
       {"princomp", Kind::flag, "", "also principal components: standard deviations and loadings; of the correlations with --type cor"},
       {"ridge-lambda", Kind::list, "0,0.1,1", "also ridge regressions of the formula's left side, one a penalty on the correlation matrix"},
       {"model", Kind::text, "FILE", "write the principal components, or the one ridge regression, here, for predict"},
       {"overwrite", Kind::flag, "", "replace a model file that exists"}}};
  static const OptionGroup roc_group{
      "Curve",
      {{"num-breaks", Kind::integer, "N", "thresholds 0, 1/N, ..., 1 (default 100); 0: one point at every distinct prediction", false, 0},
       {"remove-dups", Kind::flag, "BOOL", "leave out a point that repeats the one before it (default true)"},
       {"conf-level", Kind::number, "P", "the level of the areas' intervals (default 0.95)"}}};
  static const OptionGroup histogram_group{
      "Histogram",
      {{"breaks", Kind::text, "RULE", "how breaks are found, as in R: sturges (default), scott, fd; a number of bins; or the breaks, separated by commas"},
       {"num-breaks", Kind::integer, "N", "so many bins of equal width from the least to the largest value, or from --start-val to --end-val", false, 1},
       {"start-val", Kind::number, "X", "where bins begin"},
       {"end-val", Kind::number, "X", "where bins end"},
       {"right", Kind::flag, "BOOL", "bins hold their upper break (default true), else their lower one"},
       {"hist-type", Kind::choice, "counts|percent", "print and draw counts (default) or each panel's shares"},
       {"levels-to-drop", Kind::list, "a,b", "leave out rows with these levels of the factor shown or of the panels' (`level` or `factor=level`)"},
       {"levels-to-keep", Kind::list, "a,b", "leave out rows with other levels of the factors that have these"},
       {"max-num-panels", Kind::integer, "N", "refuse to make more panels (default 100)", false, 1}}};
  static const OptionGroup lorenz_group{
      "Curve",
      {{"num-breaks", Kind::integer, "N",
        "bins of equal width between the least and the largest value (default 1000); 0: a point at every distinct value, for which all rows are sorted", false, 0}}};
  static const OptionGroup cube_group{
      "Cube", {{"means", Kind::flag, "BOOL", "show means of the variables on the left side (default true), not sums"}, plot_option}};
  static const OptionGroup crosstabs_group{
      "Tables",
      {{"tests", Kind::list, "a,b",
        "chisquare (default), fisher, kendall, odds-ratio, risk-ratio, mantel-haenszel (over the tables of one variable), all or none"},
       {"pairwise", Kind::flag, "",
        "also reduce each table to tables of 2 by 2, a row and a column against the others, with the risk and odds ratio of each (rxPairwiseCrossTab)"},
       {"pooled", Kind::flag, "BOOL", "with --pairwise: the others are pooled (default true), else every two rows and every two columns make a table"},
       {"means", Kind::flag, "", "show means of the variables on the left side, not sums"},
       {"marginals", Kind::flag, "", "show totals (means with --means) of rows, columns and the whole table"},
       {"percents", Kind::flag, "", "show each cell's percentage of its row, its column and the whole table, too"},
       {"conf-level", Kind::number, "P", "the level of intervals (default 0.95)"},
       {"alternative", Kind::choice, "two.sided|less|greater", "what odds and risk ratios are tested for: to differ from 1 (default), to be below it, or above"},
       {"permute", Kind::flag, "", "Kendall's p-value from simulated tables, as RevoScaleR has it"},
       {"num-simulations", Kind::integer, "N", "tables drawn where a p-value is simulated (default 10000)", false, 1},
       {"seed", Kind::integer, "N", "seed of the simulation (default 1)", false, 0},
       {"use-na", Kind::choice, "no|ifany|always",
        "rows where a factor is missing: left out (default), or a level of its own, in factors where one is missing or in all"},
       {"remove-zero-counts", Kind::flag, "", "leave cells without rows out of the list of cells; the tables keep them"}}};
  static const OptionGroup model_group{"Models", {penalty}};
  static const OptionGroup datastep_group{
      "Rows to write",
      {{"remove-missings", Kind::flag, "", "leave out rows with a missing value in a column that is kept"},
       {"start-row", Kind::integer, "N", "begin at this row of INPUT, from 1", false, 1},
       {"num-rows", Kind::integer, "N", "take this many rows of INPUT", false, 0},
       {"append", Kind::choice, "none|rows|cols", "add rows or columns to a table that exists, which needs no --overwrite (default none)"}}};
  static const OptionGroup kmeans_group{
      "Clustering",
      {{"num-clusters", Kind::integer, "K", "the number of clusters", false, 1},
       {"centers", Kind::input, "TABLE", "start at these centres: a table or text with one row a centre and the formula's variables as columns"},
       {"start", Kind::choice, "random|first|plus-plus|parallel",
        "where the centres start: at random rows (default), at the first distinct rows, at rows far from one another among a random sample "
        "(k-means++), or among all rows (k-means||)"},
       {"num-start-rows", Kind::integer, "N", "rows of the sample that `plus-plus` looks at (default 0: ten a cluster)", false, 0},
       {"num-starts", Kind::integer, "N", "starts, of which the best fit is kept (default 1); 0: one start at the first rows", false, 0},
       {"seed", Kind::integer, "N", "of the random numbers (default 0)", false, 0},
       {"algorithm", Kind::choice, "Lloyd", "the only one"},
       {"max-iterations", Kind::integer, "N", "stop after so many, with a warning (default 1000)", false, 1},
       {"tolerance", Kind::number, "X", "stop where no centre moves further than that (default 0: where nothing changes any more)"},
       {"missing-values", Kind::choice, "listwise|partial",
        "leave out rows with a missing value (default), or take distances over the values that are there, scaled up"},
       {"out-col-name", Kind::text, "NAME", "name of OUTPUT's column of clusters (default .rxCluster)"},
       plot_option,
       {"plot-vars", Kind::list, "a,b", "the two variables that --plot draws, as in the formula (default: the first two)"},
       {"model", Kind::text, "FILE", "write the model here, for predict"}}};
  static const OptionGroup family_group{
      "Family",
      {{"family", Kind::choice, "binomial|gaussian|Gamma|inverse.gaussian|poisson|quasi|quasibinomial|quasipoisson|tweedie|negbin",
        "the law of the response (default gaussian); negbin estimates its theta unless --theta gives it"},
       {"link", Kind::text, "LINK", "identity, log, logit, probit, cloglog, cauchit, inverse, 1/mu^2, sqrt or mu^POWER (default: the family's own)"},
       {"variance", Kind::text, "V", "of --family quasi: constant (default), mu, mu^2, mu^3 or mu(1-mu)"},
       {"var-power", Kind::number, "P", "of --family tweedie: the variance is mu^P (default 0)"},
       {"link-power", Kind::number, "Q", "of --family tweedie: the link is mu^Q, 0 the logarithm (default 1 - P)"},
       {"theta", Kind::number, "X", "of --family negbin: the variance is mu + mu^2/X"}}};
  static const OptionGroup naivebayes_group{
      "Classes",
      {{"smoothing-factor", Kind::number, "S", "added to the count of every level in every class (default 0)"},
       {"prior", Kind::list, "0.5,0.5", "prior probabilities of the classes, in the order of the levels, instead of their shares of the rows"},
       {"by-term", Kind::flag, "BOOL", "a missing value leaves out that value alone (default true), not the row"},
       {"model", Kind::text, "FILE", "write the model here, for predict"},
       {"overwrite", Kind::flag, "", "replace a model file that exists"}}};
  static const OptionGroup predict_group{
      "Prediction",
      {{"type", Kind::choice, "response|link|prob|class",
        "the scale of the predictions (default response); classes: prob, a column for every class, or class, the most probable one (default)"},
       {"compute-std-errors", Kind::flag, "", "also write standard errors, Y_StdErr; the model must be fitted with --cov-coef"},
       {"interval", Kind::choice, "none|confidence|prediction", "also write the interval's ends, Y_Lower and Y_Upper (default none)"},
       {"conf-level", Kind::number, "P", "the interval's level (default 0.95)"},
       {"compute-residuals", Kind::flag, "", "also write residuals, Y_Resid"},
       {"residual-type", Kind::choice, "response|deviance|pearson|working|standardized|studentized",
        "kind of residuals (default response): deviance, pearson and working belong to logit and glm; standardized and studentized (the row itself left out of the "
        "variance) are R's rstandard and rstudent and need a model fitted with --cov-coef"},
       {"compute-leverage", Kind::flag, "", "also write leverages, Y_Leverage: the diagonal of the hat matrix; the model must be fitted with --cov-coef"},
       {"compute-cooks-distance", Kind::flag, "", "also write Cook's distances, Y_CooksDistance; the model must be fitted with --cov-coef"},
       {"write-model-vars", Kind::flag, "", "also write the columns of the model"},
       {"extra-vars-to-write", Kind::list, "a,b", "also write these columns of INPUT"},
       penalty,
       {"pred-var-names", Kind::list, "a,b", "names of the predictions (one, or one a class or component) instead of Y_Pred"},
       {"std-errors-var-names", Kind::list, "a", "name of the standard errors instead of Y_StdErr"},
       {"interval-var-names", Kind::list, "a,b", "names of the interval's ends, the lower one first, instead of Y_Lower and Y_Upper"},
       {"resid-var-names", Kind::list, "a", "name of the residuals instead of Y_Resid"},
       {"remove-missings", Kind::flag, "", "leave out rows where something that the results are made of is missing"},
       {"check-factor-levels", Kind::flag, "BOOL", "refuse rows with levels that the model cannot predict (default true); false: their results are missing"}}};
  static const std::vector<Verb> table{
      {"import", "text to a table",
       "Reads delimited text (or any other table) and writes an HDF5 table: types are guessed and widened where a later row needs it, text "
       "becomes factor levels or codes, and each chunk's moments are stored. Runs on all threads and ranks; the table does not depend on them.",
       {input, output},
       {&text_group, &columns_group, &rows_group, &output_group, &append_rows_group, &common_group},
       "rxhpc import flights.csv.gz flights.h5 --col-classes carrier=factor",
       run_import},
      {"info", "what a table holds",
       "Lists the columns with their types, ranges, levels and counts of missing values, and the number of rows and chunks. A table answers from "
       "its zone map, without reading rows.",
       {input},
       {&text_group, &common_group},
       "rxhpc info flights.h5",
       run_info},
      {"summary", "means, deviations, ranges and counts",
       "Summarises every term of a one-sided formula: numeric columns, counts of factor levels, and numeric columns in the cells of factors "
       "(`x:g`). Without a formula every column but text is summarised.",
       {{"FORMULA", "R's: `~ delay + carrier + delay:carrier`, `~ .`", true}, input},
       {&summary_group, &rows_group, &weights_group, &text_group, &common_group},
       "rxhpc summary '~ arr_delay + arr_delay:carrier' flights.h5",
       run_summary},
      {"quantile", "exact quantiles",
       "Finds quantiles of numeric columns, whole or in the cells of factors (`x:g`, `x ~ g`): order statistics of the data themselves, counted "
       "in constant memory, never binned. Without a formula all numeric columns are taken. Missing values are left out column by column, "
       "infinite ones are the largest and smallest; fweights repeat rows, pweights count in proportion.",
       {{"FORMULA", "R's: `~ delay + distance`, `delay ~ carrier`, `~ .`", true}, input},
       {&quantile_group, &rows_group, &weights_group, &text_group, &common_group},
       "rxhpc quantile '~ arr_delay + arr_delay:carrier' flights.h5 --probs 0.1,0.5,0.9",
       run_quantile},
      {"covcor", "covariances, correlations and cross products",
       "Computes the matrix of the columns of a one-sided formula in one pass: numbers, functions and products of them, and a column for each level of a "
       "factor or cell of an interaction. Principal components and ridge regressions are made from the same matrix. With frequency weights covariances "
       "divide by the sum of weights - 1, with probability weights by the sum of weights times (n - 1) / n.",
       {{"FORMULA", "R's: `~ a + log(b) + a:g`, `~ .`; with a left side, `y ~ ...`, for --ridge-lambda"}, input},
       {&covcor_group, &rows_group, &weights_group, &text_group, &common_group},
       "rxhpc covcor '~ dep_delay + arr_delay + distance' flights.h5 --type cor --princomp",
       run_covcor},
      {"histogram", "rows between breaks, in panels",
       "Counts the rows between breaks of a numeric column, or of each level of a factor (`~ f`, `~ F(x)`: a bar for each whole number), in a panel for "
       "each combination of the factors after `|`. Breaks are those of R's hist(). Bars are printed, and drawn with --plot.",
       {{"FORMULA", "`~ delay`, `~ delay | carrier + origin`"}, input},
       {&histogram_group, &plot_group, &rows_group, &weights_group, &text_group, &common_group},
       "rxhpc histogram '~ arr_delay | origin' flights.h5 --start-val -60 --end-val 180 --num-breaks 24 --plot delay.svg",
       run_histogram},
      {"lorenz", "Lorenz curve and Gini coefficient",
       "Orders rows by a variable and gives the share of the total that the lowest rows have, with the Gini coefficient by the trapezoid rule. "
       "`~ x` orders x by itself, `value ~ order` by another variable; several variables give several curves.",
       {{"FORMULA", "`~ income`, `income ~ age`, `~ income + wealth`"}, input},
       {&lorenz_group, &plot_group, &rows_group, &weights_group, &text_group, &common_group},
       "rxhpc lorenz '~ distance' flights.h5 --plot distance.svg",
       run_lorenz},
      {"cube", "counts, sums and means by factors",
       "Counts the rows in every cell of the factors on the right side, and sums and averages the variables on the left. The first factor varies "
       "fastest. Sums are exact before one rounding: they depend neither on the order of rows nor on chunks. OUTPUT is a table of the cells: the factors, "
       "the means or sums, and Counts.",
       {{"FORMULA", "R's: `~ carrier:origin`, `delay ~ carrier:F(hour)`, `cbind(x, y) ~ g`"}, input, {"OUTPUT", output.help, true}},
       {&cube_group, &cells_group, &rows_group, &weights_group, &text_group, &output_group, &common_group},
       "rxhpc cube 'arr_delay ~ carrier:F(hour)' flights.h5 by_hour.h5",
       run_cube},
      {"crosstabs", "contingency tables and their tests",
       "Tabulates counts, or sums and means of the variables on the left side: the first factor makes the rows, the second the columns, and every "
       "combination of the others a table. Tests of independence and measures of association follow each table.",
       {{"FORMULA", "R's: `~ origin:carrier`, `Freq ~ Gender:Admit:Dept`"}, input},
       {&crosstabs_group, &rows_group, &weights_group, &text_group, &common_group},
       "rxhpc crosstabs '~ origin:carrier' flights.h5 --tests chisquare,kendall --marginals",
       run_crosstabs},
      {"linmod", "linear model",
       "Fits a linear model by least squares, with numeric and factor terms and interactions of every kind, in one pass over the rows; factors are "
       "never expanded. Problems that plain double arithmetic would spoil are solved in doubled precision.",
       {{"FORMULA", "R's: `y ~ a + b:c + F(hour) + log(x)`, several responses with `cbind(y1, y2)`"}, input},
       {&fit_group, &robust_group, &linear_group, &path_group, &step_group, &rows_group, &weights_group, &text_group, &common_group},
       "mpirun -n 2 rxhpc linmod 'arr_delay ~ carrier + F(hour)' flights.h5 --model delay.json",
       run_linmod},
      {"kmeans", "clusters by k-means",
       "Lloyd's k-means on the numeric variables of a one-sided formula: rows go to the nearest centre, centres to the mean of their rows, until "
       "nothing changes. Values are not scaled. OUTPUT has INPUT's columns and the number of each row's cluster, from 1. A cluster that loses all its rows "
       "keeps its centre, with a warning.",
       {{"FORMULA", "the variables: `~ x + log(y)`"}, input, {output.name, output.help, true}},
       {&kmeans_group, &rows_group, &weights_group, &columns_group, &output_group, &text_group, &common_group},
       "rxhpc kmeans '~ air_time + distance' flights.h5 clusters.h5 --num-clusters 5 --num-starts 3",
       run_kmeans},
      {"logit", "logistic regression",
       "Fits a logistic regression by iteratively reweighted least squares, one visit of the rows an iteration. The response is logical, 0 and 1, a "
       "factor of two levels, the second being the success, or cbind(successes, failures). Coefficients that run away, because no finite maximum "
       "exists, are named.",
       {{"FORMULA", "R's: `late ~ carrier + log(distance)`"}, input},
       {&iterations_group, &fit_group, &robust_group, &path_group, &step_group, &rows_group, &weights_group, &text_group, &common_group},
       "rxhpc logit 'late ~ carrier + distance' flights.h5 --transform 'late = arr_delay > 15' --cov-coef --model late.json",
       run_logit},
      {"glm", "generalised linear model",
       "Fits a generalised linear model by iteratively reweighted least squares, one visit of the rows an iteration; factors are never expanded. A "
       "binomial response may be a share with the numbers of trials as --pweights.",
       {{"FORMULA", "R's, with offset(): `claims ~ age + offset(log(exposure))`"}, input},
       {&family_group, &iterations_group, &fit_group, &robust_group, &path_group, &step_group, &rows_group, &weights_group, &text_group, &common_group},
       "rxhpc glm 'air_time ~ carrier + offset(log(distance))' flights.h5 --family Gamma --link log",
       run_glm},
      {"naivebayes", "naive Bayes classifier",
       "Learns classes, the levels of the response, from predictors that are taken to be independent within a class: a normal density for each number, the "
       "shares of its levels for each factor. One pass. `predict` gives probabilities (--type prob) or the most probable class (--type class).",
       {{"FORMULA", "R's: `y ~ a + b`, `y ~ .`; the response is a factor, text or logical"}, input},
       {&naivebayes_group, &rows_group, &weights_group, &text_group, &common_group},
       "rxhpc naivebayes 'carrier ~ distance + origin' flights.h5 --smoothing-factor 1 --model bayes.json",
       run_naivebayes},
      {"predict", "fitted values, intervals and residuals",
       "Applies a model to rows and writes one row of results for each, in order. The model's transforms are applied again (then those given here), its row "
       "selection is not. A missing predictor gives missing results.",
       {{"MODEL", "a file written by --model"}, input, output},
       {&predict_group, &columns_group, &rows_group, &append_rows_group, &text_group, &output_group, &common_group},
       "rxhpc predict late.json flights.h5 fitted.h5 --write-model-vars",
       run_predict},
      {"roc", "ROC curves and the areas below",
       "Compares predictions with what really was: sensitivity and specificity at thresholds, and the exact area below the curve with DeLong's interval, "
       "whatever the thresholds; the areas of several predictions are compared in pairs by DeLong's test. The actual value is logical, 0 or 1, or a "
       "factor of two levels, the second being positive. A row that lacks the actual value or any prediction is left out of all curves.",
       {{"FORMULA", "`actual ~ p1 + p2`"}, input},
       {&roc_group, &plot_group, &rows_group, &text_group, &common_group},
       "rxhpc roc 'late ~ late_Pred' fitted.h5 --plot roc.svg",
       run_roc},
      {"export", "a table to text, a model to PMML",
       "Writes rows as delimited text with a header: the shortest numbers that read back as the same doubles, NA for missing values, quotes only "
       "where they are needed. Where OUTPUT ends in .pmml, INPUT is the model file of a linmod, logit or glm.",
       {{"INPUT", "a table, as of every verb; for .pmml a model file"},
        {"OUTPUT", "the place to write: .csv, .tsv or .txt (.gz), or .pmml for a model"}},
       {&model_group, &columns_group, &rows_group, &replace_group, &text_group, &common_group},
       "rxhpc export flights.h5 delays.csv.gz --vars-to-keep carrier,arr_delay",
       run_export},
      {"datastep", "a table from a table",
       "Copies rows and columns of a table, with transforms and a row selection on the way. Rows keep their order; selected rows are cut anew into "
       "chunks of the grid's length.",
       {input, output},
       {&datastep_group, &columns_group, &rows_group, &output_group, &text_group, &common_group},
       "rxhpc datastep flights.h5 late.h5 --row-selection 'arr_delay > 60' --transform 'hours = air_time / 60'",
       run_datastep}};
  return table;
}

const Verb& find_verb(std::string_view name) {
  std::vector<std::string> names;
  for (auto const& verb : verbs()) {
    if (verb.name == name) return verb;
    names.emplace_back(verb.name);
  }
  throw UsageError(with_suggestion("unknown verb '" + std::string(name) + "'", name, names));
}

const Option* find_option(const Verb& verb, std::string_view name) {
  for (auto const* group : verb.groups)
    for (auto const& option : group->options)
      if (option.name == name) return &option;
  return nullptr;
}

}  // namespace rxhpc::app
