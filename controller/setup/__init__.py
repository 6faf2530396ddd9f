"""`lobby setup`: what is on the ports of this machine, the few questions that matter, and the configuration made of it.

The questions are asked once, in `interview`; the terminal and the page are two doors to it.
"""
