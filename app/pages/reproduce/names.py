"""Ids of the page's own elements, beside the public ones in `shatterscope.app.kit.ids`."""

from __future__ import annotations

VIEW = "reproduce-view"  # what the URL says
RUN = "reproduce-jobs-wanted"  # checkpoint and jobs: what is shown, and followed
RUNNING_JOBS = "reproduce-jobs"  # as the server's events tell them, by id
TICK = "reproduce-tick"  # the rows have become more
STARTED = "reproduce-started"  # jobs that were asked for
STEERED = "reproduce-steered"  # a job was resumed: follow it again
PAGE = "reproduce-page"
OPENED = "reproduce-opened"  # checkpoint whose tables stand: now the figures that take a while
EDIT = "reproduce-edit"  # whose rings are drawn
RINGS_DRAWN = "rings-drawn"  # of which edit, and which: the answer
RINGS_MORE = "rings-more"  # the same, asked on
STORES = (VIEW, RUN, RUNNING_JOBS, TICK, STARTED, STEERED, OPENED, EDIT, RINGS_DRAWN, RINGS_MORE)
POLL = "reproduce-poll"
TOKENS = "reproduce-tokens"  # of the jobs that this browser asked for, by id: it alone may steer them, beside who sits at the server

EDITS = "reproduce-edits"
PARTS = "reproduce-parts"
ESTIMATE = "reproduce-estimate"
RUNNING = "reproduce-running"
PROGRESS_WORDS = "reproduce-progress-words"
PAUSE = "sweep-pause"
RESUME = "sweep-resume"
SHIPPED = "reproduce-shipped"
PROVENANCE = "reproduce-provenance"
ROWS = "reproduce-rows"
GOING = "reproduce-going"
NO_RUN = "reproduce-no-run"

SITE = (
    "reproduce-site"  # where R is read, and what an accuracy is: in all tables, sentences and figures from single edits
)
MEASURE = "reproduce-measure"
OPENING = "reproduce-opening"
OPENING_OVER = "reproduce-opening-over"
EXPLAINED = "reproduce-explained"
GROUPS_R = "reproduce-groups-r"
GROUPS_CHANGE = "reproduce-groups-change"
GROUPS_WORDS = "reproduce-groups-words"
METHOD = "reproduce-method"
PRESET = "reproduce-preset"
AGREEMENT = "reproduce-agreement"
ACCURACY = "reproduce-accuracy"
ACCURACY_TITLE = "reproduce-accuracy-title"
SHATTERING = "reproduce-shattering"
SHATTERING_OVER = "reproduce-shattering-over"
FINDINGS = "reproduce-findings"
FINDINGS_FOLD = "reproduce-findings-fold"
FIT = "reproduce-fit"
FIT_OVER = "reproduce-fit-over"
R2_WORDS = "reproduce-r2-words"
KIND = "reproduce-kind"
METHODS = "reproduce-methods"
TASK = "reproduce-task"
SEQUENCES = "reproduce-sequences"
SEQUENCES_OVER = "reproduce-sequences-over"
SEQUENCES_WORDS = "reproduce-sequences-words"

SUBJECT = "rings-subject"
RELATION = "rings-relation"
DISTANCE = "rings-distance"
RINGS_METHOD = "rings-method"
RINGS = "rings-figure"
RINGS_TITLE = "rings-title"
RINGS_OVER = "rings-over"
RINGS_WORDS = "rings-words"
SITES = "rings-sites"
SITES_FOLD = "rings-sites-fold"
TRACE_SUBJECT = "tracing-subject"
TRACE_SUBJECT_OVER = "tracing-subject-over"
TRACE_SUBJECT_WORDS = "tracing-subject-words"
TRACE_RELATION_WORDS = "tracing-relation-words"
TRACE_RELATION = "tracing-relation"
TRACE_RELATION_OVER = "tracing-relation-over"
MEMORY_RELATION = "memory-relation"
LAYER = "memory-layer"
MEMORY = "memory-figure"
MEMORY_OVER = "memory-over"

PROBLEM_RUN = "problem-run"
PROBLEM_RINGS = "problem-rings"
PROBLEM_SITES = "problem-rings-sites"
PROBLEM_INSIDE = "problem-inside"
