"""Cases are imported by the processes that run them: some need a framework that may be missing."""

collect_ignore_glob = ["cases_of_*"]
