"""A long random run against a throw-away repository. Nothing may be lost, leaked or left that can't be removed.

    python -m tests.soak --seed 1 --kills 1000 --minutes 30

`model` chooses what is done, without touching the machine; `sandbox` is the machine; `acts` and `person` do what was
chosen; `tokens` and `checks` look at what became of it; `soak` puts the rounds together.
"""
