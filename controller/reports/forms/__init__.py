"""What a report can be written as, one file each."""
