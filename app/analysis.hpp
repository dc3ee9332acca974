// What the verbs that analyse rows share: options of fits, model files, and how a result is handed over.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "rxhpc/errors.hpp"
#include "rxhpc/fit_options.hpp"
#include "session.hpp"

namespace rxhpc::app {

/// The options of the groups Fitting, Rows and Weights.
FitOptions fit_options(const Session& session);

/// Collective. Throws at once where --model names a file that exists and may not be replaced.
void refuse_existing_model(Session& session);
/// Collective. Writes --model where it was given.
void write_model(Session& session, const nlohmann::json& model);

/// Collective. A JSON file, read by one rank; throws DataError where it is not an object (`what`: model file).
nlohmann::json read_json(Session& session, const std::string& path, const char* what);

/// What `make` makes of a model file, or of a checkpoint; errors that are the file's own name it.
template <class F>
auto of_model_file(const std::string& path, const F& make) {
  try {
    return make();
  } catch (const nlohmann::json::exception&) {
    throw DataError(path + ": not a model file of this program, or damaged");
  } catch (const DataError& e) {
    std::string const what = e.what();
    if (what.starts_with("damaged model file") || what.starts_with("not a model file") || what == "damaged checkpoint") throw DataError(path + ": " + what);
    throw;
  }
}

/// Collective. Prints and stores a result of `rows` rows that has to_json, to_text, formula and timing.
template <class R>
void finish_analysis(Session& session, const R& of, std::int64_t rows) {
  Result result;
  if (wants_json(session)) result.fields = to_json(of);
  result.text = to_text(of);
  result.formula = of.formula;
  result.input = session.args.positional("INPUT");
  result.rows = rows;
  finish(session, std::move(result), of.timing);
}

/// Collective. The result of a verb that wrote `rows` rows of INPUT to OUTPUT.
void finish_written(Session& session, std::int64_t rows, std::size_t columns, const Timing& timing);

}  // namespace rxhpc::app
