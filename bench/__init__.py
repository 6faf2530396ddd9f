"""The measurements: how fast the controller is, beside what the machine could do at best.

Wherever a floor exists (an echo over a pseudo-terminal, one synced commit) it is measured in the same run, in turns
with ours, and the ratio of the two is what is judged: it says the same on a fast machine and on a slow one.
"""
