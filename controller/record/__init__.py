"""The day's record beside the lobby: faults and repairs, check lists, duty, the log book, complaints, alarms.

It follows what happens in the lobby, which does not know of it. Both are in one journal, in one sequence of rows.
"""
