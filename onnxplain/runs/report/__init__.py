"""Reports: a run as one page of HTML that needs nothing else, for people who decide by it."""
