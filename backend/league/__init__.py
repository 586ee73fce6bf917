"""Every method at equal efficacy, on a fixed set of edits: the edits (`sets`), what is measured of each (`measure`, `strength`), stacks (`stacks`), a run that
can be resumed (`run`, `rows`), and the table with its intervals (`table`, `intervals`)."""
