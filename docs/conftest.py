"""The examples of the pages are run; the scripts behind their numbers are run by hand."""

collect_ignore_glob = ["scripts/*", "decisions/scripts/*"]
