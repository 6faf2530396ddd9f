"""The measurements: how fast the controller is, compared with the best that the machine could do.

Wherever a floor exists (an echo over a pseudo-terminal, one synced commit) it is measured in the same run, alternating
with ours, and the ratio of the two is compared with the target: it does not depend on the speed of the machine.
"""
