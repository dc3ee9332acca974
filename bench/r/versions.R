# Versions of what the R side runs on.
cat(sprintf('{"R": "%s", "data.table": "%s"}\n', getRversion(), packageVersion("data.table")))
