"""The commands of `lobby`, one file each: being here registers it, and only the one that is asked for is loaded."""
